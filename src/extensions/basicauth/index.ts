import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { type Authenticator, type Component, type Context, extension } from '../../component/component.ts'
import { StartError, UnauthenticatedError } from '../../component/errors.ts'
import { type Account, parseHtpasswd, proves } from './htpasswd.ts'

const config = z.strictObject({
  htpasswd: z
    .strictObject({
      inline: z.string().optional().describe('Lines of `user:password`; the password plain, `{SHA}` or `{SSHA}`.'),
      file: z.string().optional().describe('A file of such lines.'),
    })
    .optional()
    .describe('Who is let in.'),
  client_auth: z
    .strictObject({
      username: z.string().min(1).describe('The name that is sent.'),
      password: z.string().describe('The password that is sent.'),
    })
    .optional()
    .describe('How to go out.'),
})
type Settings = z.infer<typeof config>

class BasicAuth implements Component, Authenticator {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #outgoing: Readonly<Record<string, string>>
  #accounts: ReadonlyMap<string, Account> = new Map()
  /** SHA-256 of the last header that was let in: senders repeat theirs, and hashing it is all that is left to do. */
  #lastGood = sha256('')

  constructor(cx: Context, settings: Settings) {
    this.#cx = cx
    this.#settings = settings
    const client = settings.client_auth
    this.#outgoing =
      client === undefined ? {} : { authorization: `Basic ${Buffer.from(`${client.username}:${client.password}`).toString('base64')}` }
  }

  async start(): Promise<void> {
    const { htpasswd } = this.#settings
    const where = `extensions.${this.#cx.id}`
    if (htpasswd === undefined) {
      if (this.#settings.client_auth !== undefined) return
      throw new StartError(`${where}: needs "htpasswd" to let senders in, or "client_auth" to go out, got neither`)
    }
    if (htpasswd.file === undefined && htpasswd.inline === undefined) {
      throw new StartError(`${where}.htpasswd: needs "inline" or "file", got neither`)
    }
    this.#accounts = new Map([
      ...(htpasswd.file === undefined ? [] : parseHtpasswd(await this.#read(htpasswd.file), `${where}.htpasswd.file`)),
      // As in the Collector, what is written inline wins.
      ...(htpasswd.inline === undefined ? [] : parseHtpasswd(htpasswd.inline, `${where}.htpasswd.inline`)),
    ])
  }

  check(headers: Readonly<Record<string, string | string[] | undefined>>): void {
    const given = headers['authorization']
    if (typeof given !== 'string' || !/^basic /i.test(given)) throw new UnauthenticatedError('no basic authorization header')
    const digest = sha256(given)
    if (timingSafeEqual(digest, this.#lastGood)) return
    const pair = Buffer.from(given.slice('basic '.length), 'base64').toString('utf8')
    const colon = pair.indexOf(':')
    const account = this.#accounts.get(pair.slice(0, Math.max(colon, 0)))
    // An unknown name costs as much as a wrong password.
    const proven = proves(account ?? nobody, pair.slice(colon + 1))
    if (colon < 0 || account === undefined || !proven) throw new UnauthenticatedError('the name or the password is wrong')
    this.#lastGood = digest
  }

  headers(): Readonly<Record<string, string>> {
    return this.#outgoing
  }

  async #read(file: string): Promise<string> {
    try {
      return Buffer.from(await this.#cx.files.read(file)).toString('utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const where = `extensions.${this.#cx.id}.htpasswd.file`
      throw new StartError(`${where}: cannot read ${JSON.stringify(file)}: ${code ?? 'unknown reason'}`, { cause: error })
    }
  }
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()
const nobody: Account = { is: 'plain', digest: sha256('nobody has this password') }

export default extension({
  type: 'basicauth',
  stability: 'beta',
  config,
  create: (cx, settings) => new BasicAuth(cx, settings),
})
