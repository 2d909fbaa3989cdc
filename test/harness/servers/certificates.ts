import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ServerMissing } from './server.js'

const run = promisify(execFile)

/** A certificate and what belongs to it, as PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** What a server with TLS and its clients need: all made for this run, and good for a day. */
export interface Certificates {
  /** Of the authority that signed the others. */
  readonly ca: string
  /** For `localhost` and 127.0.0.1. */
  readonly server: Certificate
  /** Of a client called `client`. */
  readonly client: Certificate
  /** Of an authority that signed none of them. */
  readonly strangerCa: string
}

/** Makes an authority and its certificates by openssl: about 1 s. Throws {@link ServerMissing} where openssl is not installed. */
export async function makeCertificates(): Promise<Certificates> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-certificates-'))
  try {
    const [ca, stranger] = await Promise.all([authority(directory, 'ca'), authority(directory, 'stranger')])
    const server = await signed(directory, 'server', 'subjectAltName=DNS:localhost,IP:127.0.0.1')
    const client = await signed(directory, 'client', 'extendedKeyUsage=clientAuth')
    return { ca: ca.cert, server, client, strangerCa: stranger.cert }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function authority(directory: string, name: string): Promise<Certificate> {
  const files = ['-keyout', `${name}.key`, '-out', `${name}.pem`]
  const extension = ['-addext', 'basicConstraints=critical,CA:TRUE']
  await openssl(
    directory,
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '1',
    '-subj',
    `/CN=test-${name}`,
    ...files,
    ...extension,
  )
  return read(directory, name)
}

async function signed(directory: string, name: string, extension: string): Promise<Certificate> {
  await writeFile(join(directory, `${name}.ext`), `${extension}\n`)
  const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`]
  await openssl(directory, 'req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, ...request)
  const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', `${name}.ext`]
  await openssl(directory, 'x509', '-req', '-in', `${name}.csr`, ...by, '-out', `${name}.pem`)
  return read(directory, name)
}

async function read(directory: string, name: string): Promise<Certificate> {
  const of = (ending: string) => readFile(join(directory, `${name}.${ending}`), 'utf8')
  return { cert: await of('pem'), key: await of('key') }
}

async function openssl(directory: string, ...args: string[]): Promise<void> {
  await run('openssl', args, { cwd: directory }).catch(error => {
    if (error.code !== 'ENOENT') throw error
    throw new ServerMissing('openssl, which makes the certificates, is not there (Debian: apt-get install openssl)')
  })
}
