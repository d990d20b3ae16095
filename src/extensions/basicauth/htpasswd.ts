/** The lines of Apache's htpasswd: plain, SHA-1, bcrypt. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { compareSync } from 'bcryptjs'
import { StartError } from '../../component/errors.ts'

/** What a password is measured against. Digests have equal lengths, so that comparing tells nothing. */
export type Account =
  /** SHA-256 of the password, made here from a plain one */
  | { readonly is: 'plain'; readonly digest: Buffer }
  /** SHA-1 of password and salt, from `{SHA}` and `{SSHA}` */
  | { readonly is: 'sha1'; readonly digest: Buffer; readonly salt: Buffer }
  /** slow on purpose: a check costs some 60 ms of the event loop at the usual cost of 10 */
  | { readonly is: 'bcrypt'; readonly hash: string }

/** Later lines win. `where` is the setting. @throws {StartError} for a line that cannot be used; says which, never what is in it. */
export function parseHtpasswd(text: string, where: string): [user: string, account: Account][] {
  const accounts: [string, Account][] = []
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const colon = line.indexOf(':')
    if (colon < 1) throw new StartError(`${where}: line ${i + 1}: must be "user:password"`)
    accounts.push([line.slice(0, colon).trim(), accountOf(line.slice(colon + 1).trim(), `${where}: line ${i + 1}`)])
  }
  return accounts
}

export function proves(account: Account, password: string): boolean {
  if (account.is === 'bcrypt') return compareSync(password, account.hash)
  return account.is === 'plain'
    ? timingSafeEqual(createHash('sha256').update(password).digest(), account.digest)
    : timingSafeEqual(createHash('sha1').update(password).update(account.salt).digest(), account.digest)
}

function accountOf(secret: string, where: string): Account {
  const [, scheme, encoded] = /^\{(SHA|SSHA)\}(.+)$/.exec(secret) ?? []
  if (scheme !== undefined && encoded !== undefined) return sha1Account(Buffer.from(encoded, 'base64'), where)
  if (/^\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}$/.test(secret)) return { is: 'bcrypt', hash: secret }
  if (/^\$(2[abxy]?|apr1|1|5|6|y)\$/.test(secret)) {
    throw new StartError(`${where}: passwords hashed with MD5 or crypt are not supported, and bcrypt has 60 characters`, {
      remedy: 'write the line with "htpasswd -B" (bcrypt), or take the plain password from the environment',
    })
  }
  return { is: 'plain', digest: createHash('sha256').update(secret).digest() }
}

function sha1Account(bytes: Buffer, where: string): Account {
  if (bytes.length < 20) throw new StartError(`${where}: must be 20 bytes or more in base64 after {SHA} or {SSHA}, got ${bytes.length}`)
  return { is: 'sha1', digest: bytes.subarray(0, 20), salt: bytes.subarray(20) }
}
