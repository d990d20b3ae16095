/** What both ends of a TLS connection have in common, in the words of the Collector's `configtls`. */
import type { SecureContextOptions } from 'node:tls'
import { z } from 'zod'
import { duration, refused } from './settings.ts'

const protocols = { '1.0': 'TLSv1', '1.1': 'TLSv1.1', '1.2': 'TLSv1.2', '1.3': 'TLSv1.3' } as const
const version = () => z.enum(['1.0', '1.1', '1.2', '1.3'])

/** Go's names, as the Collector has them → OpenSSL's. */
const cipherSuites = {
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
} as const

/** Of TLS 1.3: nobody chooses among them, there or here. */
const alwaysOffered = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'] as const
type CipherSuite = keyof typeof cipherSuites | (typeof alwaysOffered)[number]

const curves = { P256: 'prime256v1', P384: 'secp384r1', P521: 'secp521r1', X25519: 'X25519', X25519MLKEM768: 'X25519MLKEM768' } as const

export const tlsSettings = () => ({
  min_version: version().default('1.2').describe('The oldest version of TLS that is spoken.'),
  max_version: version().default('1.3').describe('The newest version of TLS that is spoken.'),
  cipher_suites: z
    .array(z.enum([...(Object.keys(cipherSuites) as (keyof typeof cipherSuites)[]), ...alwaysOffered]))
    .default([])
    .describe('The cipher suites of TLS 1.2 and older that may be used. Empty: those that Node thinks safe.'),
  include_insecure_cipher_suites: refused(
    'cipher suites that are known to be weak cannot be chosen',
    'choose some of cipher_suites, or let the other side speak a newer TLS',
  ),
  curve_preferences: z
    .array(z.enum(Object.keys(curves) as (keyof typeof curves)[]))
    .default([])
    .describe('The curves that keys are agreed on with, best first. Empty: those that OpenSSL thinks safe.'),
  reload_interval: duration()
    .prefault('0s')
    .describe('How often the files are read again, for connections that begin afterwards; 0: never.'),
  tpm: refused('keys that live in a TPM cannot be used by Node', 'give the key as a file: key_file'),
})

export interface TlsSettings {
  readonly min_version: keyof typeof protocols
  readonly max_version: keyof typeof protocols
  readonly cipher_suites: readonly CipherSuite[]
  readonly curve_preferences: readonly (keyof typeof curves)[]
}

export function tlsOptions({ min_version, max_version, cipher_suites, curve_preferences }: TlsSettings): SecureContextOptions {
  const chosen = cipher_suites.flatMap(suite => (suite in cipherSuites ? [cipherSuites[suite as keyof typeof cipherSuites]] : []))
  return {
    minVersion: protocols[min_version],
    maxVersion: protocols[max_version],
    ...(chosen.length === 0 ? {} : { ciphers: [...alwaysOffered, ...chosen].join(':') }),
    ...(curve_preferences.length === 0 ? {} : { ecdhCurve: curve_preferences.map(curve => curves[curve]).join(':') }),
  }
}
