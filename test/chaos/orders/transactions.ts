import type { ProxiedMessage } from '../../harness/postgres-proxy.js'

/** What a message is to the transaction of a batch. */
export type Step = 'rows' | 'quarantine' | 'sent whole' | 'committed' | 'other'

/** Follows the transactions of the sink through a proxy. */
export function transactionSteps(): (message: ProxiedMessage) => Step {
  /** Connections whose transaction has been sent whole, and not been answered. */
  const sent = new Set<number>()
  return message => {
    const { from, type, connection } = message
    if (endsTransaction(message)) {
      sent.add(connection)
      return 'sent whole'
    }
    if (from === 'client' && type === 'd') return 'rows'
    if (isQuery(message) && message.text.includes('insert into millrace_quarantine')) return 'quarantine'
    // Rows, ledger and quarantine are one message, hence one transaction without the word: it is committed before the server says that it is ready.
    // (Within an open transaction its status is T.)
    return from === 'server' && type === 'Z' && message.text === 'I' && sent.delete(connection) ? 'committed' : 'other'
  }
}

const isQuery = ({ from, type }: ProxiedMessage): boolean => from === 'client' && (type === 'Q' || type === 'P')

/** The end of the rows, after which the server needs nothing more; or covers alone; or the end of what was tried row by row. */
function endsTransaction(message: ProxiedMessage): boolean {
  if (message.from === 'client' && message.type === 'c') return true
  if (!isQuery(message)) return false
  return /^\s*commit\b/i.test(message.text) || (message.text.includes('update millrace_ledger') && !/\bcopy\b/i.test(message.text))
}
