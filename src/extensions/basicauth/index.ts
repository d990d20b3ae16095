import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type Authenticator, type Component, type Context, extension } from '../../component/component.ts'
import { RetryableError, StartError, UnauthenticatedError } from '../../component/errors.ts'
import { every } from '../../lib/clock.ts'
import { type Account, parseHtpasswd, proves } from './htpasswd.ts'

const config = z.strictObject({
  htpasswd: z
    .strictObject({
      inline: z.string().optional().describe('Lines of `user:password`; the password plain, bcrypt, `{SHA}` or `{SSHA}`.'),
      file: z.string().optional().describe('A file of such lines.'),
    })
    .optional()
    .describe('Who is let in.'),
  client_auth: z
    .strictObject({
      username: z.string().optional().describe('The name that is sent.'),
      username_file: z.string().optional().describe('A file with the name, read again every half minute; instead of `username`.'),
      password: z.string().optional().describe('The password that is sent.'),
      password_file: z.string().optional().describe('A file with the password, read again every half minute; instead of `password`.'),
    })
    .optional()
    .describe('How to go out.'),
})
type Settings = z.infer<typeof config>

/** [ms] */
const rereadMs = 30_000
/** Headers that were let in and need not be hashed again; the oldest goes. */
const mostKnown = 1024
/** A hash that is slow on purpose must not become a way to stop us: so many new passwords are tried in a second, others come again. */
const slowChecksASecond = 8

class BasicAuth implements Component, Authenticator {
  readonly #cx: Context
  readonly #settings: Settings
  #outgoing: Readonly<Record<string, string>> = {}
  #accounts: ReadonlyMap<string, Account> = new Map()
  /** whom an unknown name is measured against, so that it costs as much as a wrong password */
  #nobody: Account = nobody
  /** SHA-256 of the headers that were let in: senders repeat theirs, and hashing it is all that is left to do. */
  readonly #known = new Set<string>()
  /** [ms] monotonic: since when slow checks are counted */
  #countedSince = 0
  #slowChecks = 0
  #reread: Disposable | undefined

  constructor(cx: Context, settings: Settings) {
    this.#cx = cx
    this.#settings = settings
  }

  async start(): Promise<void> {
    const { htpasswd } = this.#settings
    const where = `extensions.${this.#cx.id}`
    await this.#goOutAs()
    if (htpasswd === undefined) {
      if (this.#settings.client_auth !== undefined) return
      throw new StartError(`${where}: needs "htpasswd" to let senders in, or "client_auth" to go out, got neither`)
    }
    if (htpasswd.file === undefined && htpasswd.inline === undefined) {
      throw new StartError(`${where}.htpasswd: needs "inline" or "file", got neither`)
    }
    this.#accounts = new Map([
      ...(htpasswd.file === undefined
        ? []
        : parseHtpasswd(await this.#read(htpasswd.file, `${where}.htpasswd.file`), `${where}.htpasswd.file`)),
      // As in the Collector, what is written inline wins.
      ...(htpasswd.inline === undefined ? [] : parseHtpasswd(htpasswd.inline, `${where}.htpasswd.inline`)),
    ])
    if ([...this.#accounts.values()].some(account => account.is === 'bcrypt')) this.#nobody = slowNobody
  }

  async shutdown(): Promise<void> {
    this.#reread?.[Symbol.dispose]()
  }

  check(headers: Readonly<Record<string, string | string[] | undefined>>): void {
    const given = headers['authorization']
    if (typeof given !== 'string' || !/^basic /i.test(given)) throw new UnauthenticatedError('no basic authorization header')
    const digest = sha256(given).toString('base64')
    if (this.#known.has(digest)) return
    const pair = Buffer.from(given.slice('basic '.length), 'base64').toString('utf8')
    const colon = pair.indexOf(':')
    const account = this.#accounts.get(pair.slice(0, Math.max(colon, 0)))
    // An unknown name costs as much as a wrong password.
    const measured = account ?? this.#nobody
    if (measured.is === 'bcrypt') this.#limit()
    const proven = proves(measured, pair.slice(colon + 1))
    if (colon < 0 || account === undefined || !proven) throw new UnauthenticatedError('the name or the password is wrong')
    if (this.#known.size === mostKnown) this.#known.delete(this.#known.values().next().value!)
    this.#known.add(digest)
  }

  /** @throws {RetryableError} */
  #limit(): void {
    const now = this.#cx.clock.monotonic()
    if (now - this.#countedSince >= 1000) {
      this.#countedSince = now
      this.#slowChecks = 0
    }
    if (++this.#slowChecks > slowChecksASecond)
      throw new RetryableError('too many passwords that are new, come again', { retryAfterMs: 1000 })
  }

  async #goOutAs(): Promise<void> {
    const client = this.#settings.client_auth
    if (client === undefined) return
    const { username_file, password_file } = client
    const where = `extensions.${this.#cx.id}.client_auth`
    const use = async () => {
      const username = username_file === undefined ? client.username : (await this.#read(username_file, `${where}.username_file`)).trim()
      const password = password_file === undefined ? client.password : (await this.#read(password_file, `${where}.password_file`)).trim()
      this.#outgoing = { authorization: `Basic ${Buffer.from(`${username ?? ''}:${password ?? ''}`).toString('base64')}` }
    }
    await use()
    if (username_file === undefined && password_file === undefined) return
    this.#reread = every(this.#cx.clock, rereadMs, () =>
      use().catch(error => this.#cx.log.warn({ err: error }, 'the name and the password could not be read again, the old ones stay')),
    )
  }

  headers(): Readonly<Record<string, string>> {
    return this.#outgoing
  }

  async #read(file: string, where: string): Promise<string> {
    try {
      return Buffer.from(await this.#cx.files.read(file)).toString('utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new StartError(`${where}: cannot read ${JSON.stringify(file)}: ${code ?? 'unknown reason'}`, { cause: error })
    }
  }
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()
const slowNobody: Account = { is: 'bcrypt', hash: `$2b$10$${'.'.repeat(53)}` }
const nobody: Account = { is: 'plain', digest: sha256('nobody has this password') }

export default extension({
  type: 'basicauth',
  stability: 'beta',
  config,
  parallel: () => true,
  create: (cx, settings) => new BasicAuth(cx, settings),
})
