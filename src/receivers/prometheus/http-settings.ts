/** How a target, or a server that knows targets, is asked over HTTP: Prometheus' `http_config`, in its own words. */
import { z } from 'zod'
import { refused, withoutEffect } from '../../component/settings.ts'

/** YAML knows numbers and booleans where Prometheus wants text. */
export const text = () => z.union([z.string(), z.number(), z.boolean()]).transform(String).meta({ format: 'text' })

const noSecretManager = () => refused('there is no secret manager', 'give the secret as a file')

const versions = ['TLS10', 'TLS11', 'TLS12', 'TLS13'] as const

export const httpSettings = () => ({
  basic_auth: z
    .strictObject({
      username: text().optional().describe('The user.'),
      username_file: z.string().optional().describe('A file with the user.'),
      username_ref: noSecretManager(),
      password: text().optional().describe('The password.'),
      password_file: z.string().optional().describe('A file with the password, read at every request.'),
      password_ref: noSecretManager(),
    })
    .refine(at => at.username === undefined || at.username_file === undefined, 'must have one of username and username_file')
    .refine(at => at.password === undefined || at.password_file === undefined, 'must have one of password and password_file')
    .optional()
    .describe('User and password of every request.'),
  authorization: z
    .strictObject({
      type: z
        .string()
        .trim()
        .refine(type => type.toLowerCase() !== 'basic', 'must not be "Basic": use basic_auth')
        .default('Bearer')
        .describe('The first word of the `Authorization` header.'),
      credentials: text().optional().describe('What follows it.'),
      credentials_file: z.string().optional().describe('A file with what follows it, read at every request.'),
      credentials_ref: noSecretManager(),
    })
    .refine(at => at.credentials === undefined || at.credentials_file === undefined, 'must have one of credentials and credentials_file')
    .optional()
    .describe('The `Authorization` header of every request.'),
  bearer_token: text().optional().describe('An older word for `authorization.credentials`.'),
  bearer_token_file: z.string().optional().describe('An older word for `authorization.credentials_file`.'),
  oauth2: refused(
    'tokens of OAuth 2 are not fetched',
    'let something else write the token to a file, and name it in authorization.credentials_file',
  ),
  tls_config: z
    .strictObject({
      ca: z.string().optional().describe('Certificates (PEM) of the authorities to trust, instead of the ones Node trusts.'),
      ca_file: z.string().optional().describe('A file with them.'),
      ca_ref: noSecretManager(),
      cert: z.string().optional().describe('Own certificate (PEM).'),
      cert_file: z.string().optional().describe('A file with it.'),
      cert_ref: noSecretManager(),
      key: z.string().optional().describe('The private key of the own certificate (PEM), a secret.'),
      key_file: z.string().optional().describe('A file with it.'),
      key_ref: noSecretManager(),
      server_name: z.string().optional().describe('The name that the certificate must carry, instead of the host.'),
      insecure_skip_verify: z.boolean().default(false).describe('Accept any certificate.'),
      min_version: z.enum(versions).default('TLS12').describe('The oldest version of TLS that is spoken.'),
      max_version: z.enum(versions).default('TLS13').describe('The newest version of TLS that is spoken.'),
    })
    .prefault({})
    .describe('For `https`.'),
  follow_redirects: z.boolean().default(true).describe('Whether redirects are followed, at most ten.'),
  enable_http2: withoutEffect(z.boolean().default(true), 'requests are HTTP/1.1, which every server speaks'),
  proxy_url: refused('requests go to their target directly', 'reach the target without a proxy, or scrape it from where it can be reached'),
  no_proxy: refused('there is no proxy to except from', 'leave it out'),
  proxy_from_environment: refused('the environment does not change where requests go', 'leave it out', [false]),
  proxy_connect_header: refused('there is no proxy to connect to', 'leave it out'),
  http_headers: z
    .record(
      z.string(),
      z.strictObject({
        values: z.array(text()).default([]).describe('Values of the header.'),
        secrets: z.array(text()).default([]).describe('Values that are never shown.'),
        files: z.array(z.string()).default([]).describe('Files whose content is a value.'),
      }),
    )
    .default({})
    .describe('More headers of every request.'),
})

const http = z.strictObject(httpSettings())
export type HttpSettings = z.infer<typeof http>

/** Several ways to say who asks are a mistake. */
export function credentialsProblem(settings: HttpSettings): string | undefined {
  const ways = [
    settings.basic_auth === undefined ? '' : 'basic_auth',
    settings.authorization === undefined ? '' : 'authorization',
    settings.bearer_token === undefined ? '' : 'bearer_token',
    settings.bearer_token_file === undefined ? '' : 'bearer_token_file',
  ].filter(way => way !== '')
  return ways.length < 2 ? undefined : `must have at most one of ${ways.join(' and ')}`
}
