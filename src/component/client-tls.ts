/** How a component that connects proves who it is, and checks whom it talks to. In the Collector's words. */
import { type ConnectionOptions, rootCertificates } from 'node:tls'
import { z } from 'zod'
import { every } from '../lib/clock.ts'
import type { Context, Files } from './component.ts'
import { StartError } from './errors.ts'
import { tlsOptions, tlsSettings } from './tls.ts'

export const clientTlsSettings = () =>
  z
    .strictObject({
      insecure: z.boolean().default(false).describe('Connect without TLS. With an `http://` or `https://` address the address decides.'),
      insecure_skip_verify: z
        .boolean()
        .default(false)
        .describe('Accept any certificate. Whoever is on the way can read and change everything.'),
      ca_file: z.string().optional().describe('Certificates (PEM) of the authorities to trust, instead of the ones Node trusts.'),
      ca_pem: z.string().optional().describe('The same as text.'),
      include_system_ca_certs_pool: z.boolean().default(false).describe('Trust the authorities that Node trusts as well.'),
      cert_file: z.string().optional().describe('Own certificate (PEM), for destinations that ask for one.'),
      cert_pem: z.string().optional().describe('The same as text.'),
      key_file: z.string().optional().describe('The private key of the own certificate (PEM).'),
      key_pem: z.string().optional().describe('The same as text.'),
      server_name_override: z
        .string()
        .optional()
        .describe('The name that the certificate of the destination must carry, instead of its host.'),
      ...tlsSettings(),
    })
    .prefault({})

export type ClientTlsSettings = z.infer<ReturnType<typeof clientTlsSettings>>

/**
 * @param where the settings are, e.g. `exporters.otlp_http.tls`, for messages
 * @throws {StartError} when a file cannot be read, or a certificate lacks its key
 */
export async function clientTls(settings: ClientTlsSettings, files: Files, where: string): Promise<ConnectionOptions> {
  const [ca, cert, key] = await Promise.all([
    pem(settings.ca_file, settings.ca_pem, files, `${where}.ca_file`),
    pem(settings.cert_file, settings.cert_pem, files, `${where}.cert_file`),
    pem(settings.key_file, settings.key_pem, files, `${where}.key_file`),
  ])
  if ((cert === undefined) !== (key === undefined)) {
    throw new StartError(`${where}: has ${cert === undefined ? 'a key and no certificate' : 'a certificate and no key'}`, {
      remedy: 'set both cert_file and key_file, or neither',
    })
  }
  return {
    ...tlsOptions(settings),
    rejectUnauthorized: !settings.insecure_skip_verify,
    ...(ca === undefined ? {} : { ca: settings.include_system_ca_certs_pool ? [...rootCertificates, ca] : [ca] }),
    ...(cert === undefined ? {} : { cert, key }),
    ...(settings.server_name_override === undefined ? {} : { servername: settings.server_name_override }),
  }
}

/** Tells `use` what the files say, again and again where the settings ask for that. What cannot be read leaves what was. */
export function keepClientTls(
  { files, clock, log }: Pick<Context, 'files' | 'clock' | 'log'>,
  settings: ClientTlsSettings,
  where: string,
  use: (options: ConnectionOptions) => void,
): Disposable {
  if (settings.reload_interval === 0) return { [Symbol.dispose]() {} }
  return every(clock, settings.reload_interval, () => {
    clientTls(settings, files, where).then(use, error =>
      log.warn({ err: error }, 'certificates could not be read again, the old ones stay'),
    )
  })
}

async function pem(path: string | undefined, text: string | undefined, files: Files, setting: string): Promise<string | undefined> {
  if (path === undefined) return text
  try {
    return Buffer.from(await files.read(path)).toString()
  } catch (cause) {
    throw new StartError(`${setting}: cannot read ${JSON.stringify(path)}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
      remedy: 'give a file that exists and that this user may read',
    })
  }
}
