import xterm from '@xterm/headless'

/** What a person would see on a terminal: everything that was written, interpreted. */
export class Screen {
  private readonly terminal: InstanceType<typeof xterm.Terminal>
  private written = Promise.resolve()

  constructor(columns: number, rows: number) {
    this.terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 1_000 })
  }

  write(text: string): void {
    this.written = this.written.then(() => new Promise(resolve => this.terminal.write(text, resolve)))
  }

  resize(columns: number, rows: number): void {
    this.written = this.written.then(() => this.terminal.resize(columns, rows))
  }

  /** All lines that are not empty, what was scrolled out included. */
  async lines(): Promise<string[]> {
    await this.written
    const { active } = this.terminal.buffer
    const lines = Array.from({ length: active.length }, (_, i) => active.getLine(i)?.translateToString(true) ?? '')
    return lines.filter(line => line !== '')
  }
}
