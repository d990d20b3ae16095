/** Certificates for tests, made when they run: an authority and what it signs. X.509 v3, ECDSA on P-256. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

export interface Certificate {
  /** PEM */
  readonly cert: string
  /** PEM */
  readonly key: string
}
export interface Authority extends Certificate {
  /** For localhost and 127.0.0.1, as server and as client. `days` from now until it ends; negative: it has ended. */
  issue(commonName: string, days?: number): Certificate
}

export function createAuthority(commonName = 'test authority'): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const cert = certificate({
    subject: commonName,
    issuer: commonName,
    signer: keys.privateKey,
    of: keys.publicKey,
    authority: true,
    days: 1,
  })
  return {
    cert,
    key: pemOf(keys.privateKey),
    issue(subject, days = 1) {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      return {
        cert: certificate({ subject, issuer: commonName, signer: keys.privateKey, of: own.publicKey, authority: false, days }),
        key: pemOf(own.privateKey),
      }
    },
  }
}

interface Wanted {
  readonly subject: string
  readonly issuer: string
  readonly signer: KeyObject
  readonly of: KeyObject
  readonly authority: boolean
  readonly days: number
}

let serial = 1

function certificate({ subject, issuer, signer, of, authority, days }: Wanted): string {
  const day = 86_400_000
  const now = Date.now()
  const body = sequence(
    der(0xa0, integer(2)),
    integer(serial++),
    ecdsaWithSha256,
    name(issuer),
    sequence(utcTime(now - 2 * day), utcTime(now + days * day)),
    name(subject),
    of.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(authority ? basicConstraints : alternativeNames)),
  )
  const signature = sign('sha256', body, signer)
  const whole = sequence(body, ecdsaWithSha256, der(0x03, Buffer.of(0), signature))
  const lines = whole.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}

const pemOf = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string

/** Tag, length, value. */
function der(tag: number, ...values: Uint8Array[]): Buffer {
  const value = Buffer.concat(values)
  const { length } = value
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), value])
}
const sequence = (...values: Uint8Array[]) => der(0x30, ...values)
const oid = (...bytes: number[]) => der(0x06, Buffer.from(bytes))
const integer = (n: number) => der(0x02, Buffer.of(0, (n >> 8) & 0xff, n & 0xff).subarray(n > 0xff ? 0 : n > 0x7f ? 1 : 2))
const utcTime = (ms: number) => der(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`))
const name = (text: string) => sequence(der(0x31, sequence(oid(0x55, 4, 3), der(0x0c, Buffer.from(text)))))
const ecdsaWithSha256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2))
const basicConstraints = sequence(oid(0x55, 0x1d, 0x13), der(0x01, Buffer.of(0xff)), der(0x04, sequence(der(0x01, Buffer.of(0xff)))))
const alternativeNames = sequence(
  oid(0x55, 0x1d, 0x11),
  der(0x04, sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.of(127, 0, 0, 1)))),
)
