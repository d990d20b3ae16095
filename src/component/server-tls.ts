/** TLS of what listens, in the words of the Collector's `configtls.ServerConfig`. */
import { X509Certificate } from 'node:crypto'
import { createSecureContext, type TlsOptions, type Server as TlsServer } from 'node:tls'
import { z } from 'zod'
import { every } from '../lib/clock.ts'
import type { Context, Files } from './component.ts'
import { StartError } from './errors.ts'
import { withoutEffect } from './settings.ts'
import { tlsOptions, tlsSettings } from './tls.ts'

export const serverTls = () =>
  z
    .strictObject({
      cert_file: z.string().optional().describe('The certificate that is shown, in PEM, with the chain below it.'),
      cert_pem: z.string().optional().describe('The same as text.'),
      key_file: z.string().optional().describe('Its private key, in PEM.'),
      key_pem: z.string().optional().describe('The same as text.'),
      client_ca_file: z
        .string()
        .optional()
        .describe('Clients must show a certificate that one of these authorities has signed (mutual TLS). Without it, none is asked for.'),
      client_ca_file_reload: z
        .boolean()
        .default(false)
        .describe('Read `client_ca_file` again every ten seconds, or every `reload_interval` where that is set.'),
      ca_file: withoutEffect(z.string().optional(), 'a server checks its clients by `client_ca_file`'),
      ca_pem: withoutEffect(z.string().optional(), 'a server checks its clients by `client_ca_file`'),
      include_system_ca_certs_pool: withoutEffect(z.boolean().default(false), 'a server checks its clients by `client_ca_file`'),
      ...tlsSettings(),
    })
    .refine(has('cert'), { path: ['cert_file'], message: 'needs one of cert_file and cert_pem', when: always })
    .refine(has('key'), { path: ['key_file'], message: 'needs one of key_file and key_pem', when: always })
export type ServerTls = z.infer<ReturnType<typeof serverTls>>

/** Said also where another setting is wrong, so that everything is said at once. */
const always = () => true

function has(what: 'cert' | 'key') {
  return (settings: { readonly [name in `${typeof what}_${'file' | 'pem'}`]?: string | undefined }) =>
    (settings[`${what}_file`] === undefined) !== (settings[`${what}_pem`] === undefined)
}

/** @throws {StartError} naming the setting and the file. `where` is the path of these settings. */
export async function loadServerTls(files: Files, settings: ServerTls, where: string): Promise<TlsOptions> {
  const read = (setting: 'cert_file' | 'key_file' | 'client_ca_file') => readPem(files, settings[setting], `${where}.${setting}`)
  const [cert, key, ca] = [
    settings.cert_pem ?? (await read('cert_file')),
    settings.key_pem ?? (await read('key_file')),
    await read('client_ca_file'),
  ]
  if (settings.min_version > settings.max_version) {
    throw new StartError(`${where}.min_version: must not be above max_version ${settings.max_version}, got ${settings.min_version}`)
  }
  const options: TlsOptions = {
    ...(cert && { cert }),
    ...(key && { key }),
    ...(ca && { ca, requestCert: true, rejectUnauthorized: true }),
    ...tlsOptions(settings),
  }
  checkPems(options, settings, where)
  return options
}

/** [ms] `client_ca_file_reload` says that, and not how often */
const caReloadMs = 10_000

/** Keeps a server's certificates as the files are, where the settings ask for that. What cannot be read leaves what was. */
export function keepServerTls(
  cx: Pick<Context, 'files' | 'clock' | 'log'>,
  server: TlsServer,
  settings: ServerTls,
  where: string,
): Disposable {
  const intervalMs = settings.reload_interval > 0 ? settings.reload_interval : settings.client_ca_file_reload ? caReloadMs : 0
  if (intervalMs === 0) return { [Symbol.dispose]() {} }
  return every(cx.clock, intervalMs, () => {
    loadServerTls(cx.files, settings, where).then(
      options => server.setSecureContext(options),
      error => cx.log.warn({ err: error }, 'certificates could not be read again, the old ones stay'),
    )
  })
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
      const file = settings[setting]
      throw new StartError(`${where}.${setting}: ${file === undefined ? 'the text' : JSON.stringify(file)} ${what}`, { cause: error })
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
