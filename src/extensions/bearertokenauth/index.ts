import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { type Authenticator, type Component, type Context, extension } from '../../component/component.ts'
import { StartError, UnauthenticatedError } from '../../component/errors.ts'
import { every } from '../../lib/clock.ts'

const config = z.strictObject({
  scheme: z.string().default('Bearer').describe('The word before the token; empty: none.'),
  header: z.string().min(1).default('Authorization').describe('The header that carries it.'),
  token: z.string().min(1).optional().describe('The token that is sent, and that lets senders in.'),
  tokens: z.array(z.string().min(1)).min(1).optional().describe('Several that let senders in; the first is sent.'),
  filename: z
    .string()
    .optional()
    .describe('A file with one token at the start of each line, read again every half minute; it wins over the two above.'),
})
type Settings = z.infer<typeof config>

/** [ms] */
const rereadMs = 30_000

class BearerTokenAuth implements Component, Authenticator {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #header: string
  readonly #prefix: string
  /** SHA-256 of each value of the header that lets in: equal lengths, so that comparing tells nothing */
  #digests: readonly Buffer[] = []
  #outgoing: Readonly<Record<string, string>> = {}
  #reread: Disposable | undefined

  constructor(cx: Context, settings: Settings) {
    this.#cx = cx
    this.#settings = settings
    this.#header = settings.header.toLowerCase()
    this.#prefix = settings.scheme === '' ? '' : `${settings.scheme} `
  }

  async start(): Promise<void> {
    const { token, tokens, filename } = this.#settings
    // As in the Collector, a file wins over what is written beside it.
    const named = filename === undefined ? [token, tokens].filter(source => source !== undefined) : [filename]
    if (named.length !== 1) {
      throw new StartError(`extensions.${this.#cx.id}: needs exactly one of "token", "tokens" and "filename", got ${named.length}`)
    }
    if (filename === undefined) return this.#use(tokens ?? [token!])
    await this.#read(filename)
    this.#reread = every(this.#cx.clock, rereadMs, () =>
      this.#read(filename).catch(error => this.#cx.log.warn({ err: error }, 'the tokens could not be read again, the old ones stay')),
    )
  }

  async shutdown(): Promise<void> {
    this.#reread?.[Symbol.dispose]()
    this.#reread = undefined
  }

  check(headers: Readonly<Record<string, string | string[] | undefined>>): void {
    const given = headers[this.#header]
    if (typeof given !== 'string') throw new UnauthenticatedError(`no ${this.#header} header`)
    const digest = sha256(given.replace(/^\S+ +/, this.#withKnownScheme))
    let known = false
    for (const expected of this.#digests) if (timingSafeEqual(expected, digest)) known = true
    if (!known) throw new UnauthenticatedError('the token is not known')
  }

  headers(): Readonly<Record<string, string>> {
    return this.#outgoing
  }

  /** The scheme is the same word in any case. */
  readonly #withKnownScheme = (word: string): string =>
    word.trimEnd().toLowerCase() === this.#settings.scheme.toLowerCase() ? this.#prefix : word

  async #read(filename: string): Promise<void> {
    const where = `extensions.${this.#cx.id}.filename`
    let text: string
    try {
      text = Buffer.from(await this.#cx.files.read(filename)).toString('utf8')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new StartError(`${where}: cannot read ${JSON.stringify(filename)}: ${code ?? 'unknown reason'}`, { cause: error })
    }
    const tokens = text
      .split('\n')
      // What follows the first blank is a remark.
      .map(line => line.trim().split(/\s/, 1)[0]!)
      .filter(line => line !== '')
    if (tokens.length === 0) throw new StartError(`${where}: ${JSON.stringify(filename)} has no token`)
    this.#use(tokens)
  }

  #use(tokens: readonly string[]): void {
    this.#digests = tokens.map(token => sha256(this.#prefix + token))
    this.#outgoing = { [this.#header]: this.#prefix + tokens[0] }
  }
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

export default extension({
  type: 'bearertokenauth',
  stability: 'beta',
  config,
  parallel: () => true,
  create: (cx, settings) => new BearerTokenAuth(cx, settings),
})
