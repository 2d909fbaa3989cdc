import type { Envelope } from '../core/envelope.js'
import { Ring } from './ring.js'

/** The records of one key behind the one at work. */
export class Lane<In> {
  private records: Ring<Envelope<In>> | null = null
  constructor(readonly key: string) {}
  get hasQueue(): boolean {
    return this.records !== null
  }
  get queue(): Ring<Envelope<In>> {
    this.records ??= new Ring(4)
    return this.records
  }
}
