/** TLS of what listens, in the words of the Collector's `configtls.ServerConfig`. */
import { X509Certificate } from 'node:crypto'
import { createSecureContext, type TlsOptions } from 'node:tls'
import { z } from 'zod'
import type { Files } from './component.ts'
import { StartError } from './errors.ts'

const versions = { '1.0': 'TLSv1', '1.1': 'TLSv1.1', '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' } as const
const version = () => z.enum(['1.0', '1.1', '1.2', '1.3'])

export const serverTls = () =>
  z.strictObject({
    cert_file: z.string().describe('The certificate that is shown, in PEM, with the chain below it.'),
    key_file: z.string().describe('Its private key, in PEM.'),
    client_ca_file: z
      .string()
      .optional()
      .describe('Clients must show a certificate that one of these authorities has signed (mutual TLS). Without it, none is asked for.'),
    min_version: version().default('1.2').describe('The oldest version of TLS that is spoken.'),
    max_version: version().default('1.3').describe('The newest version of TLS that is spoken.'),
  })
export type ServerTls = z.infer<ReturnType<typeof serverTls>>

/** @throws {StartError} naming the setting and the file. `where` is the path of these settings. */
export async function loadServerTls(files: Files, settings: ServerTls, where: string): Promise<TlsOptions> {
  const read = (setting: 'cert_file' | 'key_file' | 'client_ca_file') => readPem(files, settings[setting], `${where}.${setting}`)
  const [cert, key, ca] = [await read('cert_file'), await read('key_file'), await read('client_ca_file')]
  if (settings.min_version > settings.max_version) {
    throw new StartError(`${where}.min_version: must not be above max_version ${settings.max_version}, got ${settings.min_version}`)
  }
  const options: TlsOptions = {
    ...(cert && { cert }),
    ...(key && { key }),
    ...(ca && { ca, requestCert: true, rejectUnauthorized: true }),
    minVersion: versions[settings.min_version],
    maxVersion: versions[settings.max_version],
  }
  checkPems(options, settings, where)
  return options
}

async function readPem(files: Files, path: string | undefined, where: string): Promise<Buffer | undefined> {
  if (path === undefined) return undefined
  try {
    return Buffer.from(await files.read(path))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'no permission to read it' : String(code ?? error)
    throw new StartError(`${where}: cannot read ${JSON.stringify(path)}: ${why}`, { cause: error })
  }
}

/** OpenSSL's own words are no help to most; the file that it chokes on is. */
function checkPems({ cert, key, ca }: TlsOptions, settings: ServerTls, where: string): void {
  const attempt = (setting: 'cert_file' | 'key_file', options: TlsOptions, what: string) => {
    try {
      createSecureContext(options)
    } catch (error) {
      throw new StartError(`${where}.${setting}: ${JSON.stringify(settings[setting])} ${what}`, { cause: error })
    }
  }
  attempt('cert_file', { ...(cert && { cert }) }, 'is not a certificate in PEM')
  attempt('key_file', { ...(key && { key }) }, 'is not a private key in PEM')
  attempt('key_file', { ...(cert && { cert }), ...(key && { key }) }, 'is not the key of that certificate')
  if (ca === undefined) return
  try {
    // A secure context ignores authorities that it cannot read.
    new X509Certificate(ca as Buffer)
  } catch (error) {
    throw new StartError(`${where}.client_ca_file: ${JSON.stringify(settings.client_ca_file)} is not a certificate in PEM`, {
      cause: error,
    })
  }
}
