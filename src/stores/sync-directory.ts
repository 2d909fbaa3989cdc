import { open } from 'node:fs/promises'

/** Names are only on the disk when their directory is. Windows cannot open directories; there a rename is durable by itself. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
