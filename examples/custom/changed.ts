import { type Operator, recordOperator } from 'millrace'

/**
 * An operator of its own: lets a record go on only when its value differs from the last one of the same key.
 *
 * The state is made in the function that `recordOperator` calls once a run, so that two runs share none. A throw in it, or in `textOf`, fails that
 * record and no other.
 */
export function changed<T>(textOf: (value: T) => string): Operator<T, T> {
  return recordOperator('changed', out => {
    const last = new Map<string | null, string>()
    return record => {
      const text = textOf(record.value)
      if (last.get(record.key) === text) return record.skip('unchanged')
      last.set(record.key, text)
      out.next(record)
    }
  })
}
