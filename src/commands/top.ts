import { type Command, type Outside, type Terminal, UsageError } from './command.ts'
import { type Look, topPage } from './top-page.ts'

export const apiFlag = { takes: 'URL', says: 'where service.api of the process listens; http://127.0.0.1:2242 unless given' } as const
/** The address, without what its pages begin with. @throws {UsageError} */
export function apiUrl(given: string | undefined): string {
  const url = given ?? 'http://127.0.0.1:2242'
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new UsageError(`--url must be an address, got ${JSON.stringify(url)}`, 'for example http://127.0.0.1:2242')
  return url.replace(/\/+$/, '')
}

/** @throws {UsageError} that says how it may come that nobody answers */
export async function ask(
  outside: Outside,
  method: 'GET' | 'POST',
  url: string,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    return await outside.ask(method, url)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(`nothing answers at ${url}: ${why}`, 'is it running, with service.api enabled? --url names another address')
  }
}

const refreshMs = 1_000
/** q, Ctrl-C, Ctrl-D */
const leaving = ['q', 'Q', '\x03', '\x04']

/** Shows the running graph, and is told to stop; on a terminal in its place, elsewhere page after page. */
export const top: Command = {
  name: 'top',
  says: 'shows what a running process does, each second: rates, queues, drops, the ledger, CPU and memory; q leaves',
  flags: { url: apiFlag, once: { says: 'prints one page, with the rates of one second, and ends' } },
  async run(args, outside) {
    const url = apiUrl(args.flags.get('url')?.[0])
    const stopped = new AbortController()
    using _stopping = outside.onStop(() => stopped.abort())
    let before = await look(outside, url)
    if (args.flags.has('once')) {
      await outside.wait(refreshMs, stopped.signal)
      outside.print(topPage(await look(outside, url), before).join('\n'))
      return 0
    }
    using screen = outside.terminal === undefined ? undefined : new Screen(outside.terminal)
    using _keys = outside.terminal?.onKey(key => leaving.includes(key) && stopped.abort())
    const show = (lines: readonly string[]) => (screen === undefined ? outside.print(`${lines.join('\n')}\n`) : screen.show(lines))
    show(topPage(before, undefined))
    for (;;) {
      await outside.wait(refreshMs, stopped.signal)
      if (stopped.signal.aborted) return 0
      try {
        const now = await look(outside, url)
        // A process that has been started anew counts from 0.
        show(topPage(now, now.process.uptime_seconds < before.process.uptime_seconds ? undefined : before))
        before = now
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        show([`! ${error.message}`, '', ...topPage(before, undefined)])
      }
    }
  },
}

async function look(outside: Outside, url: string): Promise<Look> {
  const page = async <T>(path: string): Promise<T> => {
    const { status, text } = await ask(outside, 'GET', url + path)
    if (status !== 200) throw new UsageError(`${url}${path} answers ${status}`, 'is that service.api of a Thalamus of this version?')
    return JSON.parse(text) as T
  }
  const [ledger, queues, process] = await Promise.all([
    page<Look['ledger']>('/debug/ledger'),
    page<Look['queues']>('/debug/queues'),
    page<Look['process']>('/debug/process'),
  ])
  return { ledger, queues, process }
}

const ESC = '\x1b['

/** The other screen of a terminal, so that what was there comes back. */
class Screen implements Disposable {
  readonly #terminal: Terminal
  constructor(terminal: Terminal) {
    this.#terminal = terminal
    terminal.write(`${ESC}?1049h${ESC}?25l`)
  }

  /** What does not fit is not shown, and that is said. */
  show(lines: readonly string[]): void {
    const { columns, rows } = this.#terminal.size()
    const shown = lines.length <= rows ? lines : [...lines.slice(0, rows - 1), `… and ${lines.length - rows + 1} more lines`]
    const text = shown.map(line => `${line.slice(0, columns)}${ESC}K`).join('\r\n')
    this.#terminal.write(`${ESC}H${text}${ESC}J`)
  }

  [Symbol.dispose](): void {
    this.#terminal.write(`${ESC}?25h${ESC}?1049l`)
  }
}
