import { execFileSync } from 'node:child_process'

/** Does something with the rights of this user, where the tests run as root: root may read everything. */
export async function asUser(name: string, what: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return what()
  const id = Number(execFileSync('id', ['-u', name], { encoding: 'utf8' }))
  process.seteuid!(id)
  try {
    await what()
  } finally {
    process.seteuid!(0)
  }
}
