/** Where targets are found. Each source tells the whole of what it knows, whenever that may have changed; what fails changes nothing. */
import { resolve4, resolve6, resolveMx, resolveNs, resolveSrv } from 'node:dns/promises'
import { parse } from 'yaml'
import type { Context } from '../../component/component.ts'
import { every } from '../../lib/clock.ts'
import { HttpClient, maxPage } from './http.ts'
import { type DnsSd, type FileSd, type HttpSd, type TargetGroup, targetGroup } from './settings.ts'
import type { Found } from './target.ts'

export interface Discovery {
  /** Tells `found` at once, and whenever it looks again. @throws {StartError} */
  start(found: (targets: readonly Found[]) => void): Promise<void>
  close(): void
}

/** What DNS is asked; a test brings its own. */
export interface Resolver {
  srv(name: string): Promise<readonly { name: string; port: number }[]>
  a(name: string): Promise<readonly string[]>
  aaaa(name: string): Promise<readonly string[]>
  mx(name: string): Promise<readonly string[]>
  ns(name: string): Promise<readonly string[]>
}
export const systemResolver: Resolver = {
  srv: name => resolveSrv(name),
  a: name => resolve4(name),
  aaaa: name => resolve6(name),
  mx: async name => (await resolveMx(name)).map(({ exchange }) => exchange),
  ns: name => resolveNs(name),
}

export function staticTargets(groups: readonly TargetGroup[]): Discovery {
  return {
    async start(found) {
      found(targetsOf(groups))
    },
    close() {},
  }
}

const targetsOf = (groups: readonly TargetGroup[], more: Readonly<Record<string, string>> = {}): Found[] =>
  groups.flatMap(({ targets, labels }) => targets.map(address => ({ labels: { __address__: address, ...labels, ...more } })))

/** Something that is looked at again and again. */
abstract class Looking implements Discovery {
  protected readonly cx: Context
  readonly #interval: number
  readonly #what: string
  #timer: Disposable | undefined
  #said: string | undefined
  #closed = false

  constructor(cx: Context, interval: number, what: string) {
    this.cx = cx
    this.#interval = interval
    this.#what = what
  }

  async start(found: (targets: readonly Found[]) => void): Promise<void> {
    await this.prepare()
    await this.#look(found)
    if (!this.#closed) this.#timer = every(this.cx.clock, this.#interval, () => this.#look(found))
  }
  close(): void {
    this.#closed = true
    this.#timer?.[Symbol.dispose]()
  }

  protected async prepare(): Promise<void> {}
  protected abstract look(): Promise<readonly Found[]>

  async #look(found: (targets: readonly Found[]) => void): Promise<void> {
    try {
      found(await this.look())
      if (this.#said !== undefined) this.cx.log.info({ discovery: this.#what }, 'targets are found again')
      this.#said = undefined
    } catch (error) {
      if (this.#closed) return
      const why = error instanceof Error ? error.message : String(error)
      if (why !== this.#said) this.cx.log.warn({ discovery: this.#what, error: why }, 'targets cannot be found, those known stay')
      this.#said = why
    }
  }
}

export class FileDiscovery extends Looking {
  readonly #settings: FileSd
  /** by path: what it last said, so that a file half written changes nothing */
  #known = new Map<string, readonly Found[]>()

  constructor(cx: Context, settings: FileSd) {
    super(cx, settings.refresh_interval, settings.files.join(', '))
    this.#settings = settings
  }

  protected override async look(): Promise<readonly Found[]> {
    const paths = (await Promise.all(this.#settings.files.map(pattern => matching(pattern, this.cx)))).flat()
    const known = new Map<string, readonly Found[]>()
    const problems: string[] = []
    for (const path of paths) {
      try {
        known.set(path, targetsOf(groupsOf(Buffer.from(await this.cx.files.read(path)).toString()), { __meta_filepath: path }))
      } catch (error) {
        const before = this.#known.get(path)
        if (before !== undefined) known.set(path, before)
        problems.push(`${path}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    this.#known = known
    if (problems.length > 0) this.cx.log.warn({ problems }, 'files of targets cannot be read, what they said before stays')
    return [...known.values()].flat()
  }
}

export class HttpDiscovery extends Looking {
  readonly #settings: HttpSd
  readonly #client: HttpClient
  readonly #stop = new AbortController()

  constructor(cx: Context, settings: HttpSd) {
    super(cx, settings.refresh_interval, new URL(settings.url).host)
    this.#settings = settings
    this.#client = new HttpClient(settings, cx.files, cx.clock)
  }

  protected override prepare(): Promise<void> {
    return this.#client.open(`receivers.${this.cx.id}.http_sd_configs`)
  }
  override close(): void {
    super.close()
    this.#stop.abort()
    this.#client.close()
  }

  protected override async look(): Promise<readonly Found[]> {
    const { url, refresh_interval: interval } = this.#settings
    const headers = {
      accept: 'application/json',
      'user-agent': 'thalamus',
      'x-prometheus-refresh-interval-seconds': String(interval / 1000),
    }
    return this.#client.get(url, headers, { timeout: interval, limit: maxPage, stop: this.#stop.signal }, ({ body, contentType }) => {
      if (!/^application\/json\b/i.test(contentType)) throw new Error(`the answer is ${JSON.stringify(contentType)}, not JSON`)
      return targetsOf(groupsOf(Buffer.from(body).toString()), { __meta_url: url })
    })
  }
}

export class DnsDiscovery extends Looking {
  readonly #settings: DnsSd
  readonly #resolver: Resolver

  constructor(cx: Context, settings: DnsSd, resolver: Resolver) {
    super(cx, settings.refresh_interval, settings.names.join(', '))
    this.#settings = settings
    this.#resolver = resolver
  }

  protected override async look(): Promise<readonly Found[]> {
    return (await Promise.all(this.#settings.names.map(name => this.#records(name)))).flat()
  }

  async #records(name: string): Promise<readonly Found[]> {
    const { type } = this.#settings
    const port = this.#settings.port ?? 0
    const about = { __meta_dns_name: name }
    try {
      if (type === 'SRV')
        return (await this.#resolver.srv(name)).map(record => ({
          labels: {
            ...about,
            __address__: `${withoutDot(record.name)}:${record.port}`,
            __meta_dns_srv_record_target: record.name,
            __meta_dns_srv_record_port: String(record.port),
          },
        }))
      if (type === 'MX' || type === 'NS') {
        const label = type === 'MX' ? '__meta_dns_mx_record_target' : '__meta_dns_ns_record_target'
        const names = await (type === 'MX' ? this.#resolver.mx(name) : this.#resolver.ns(name))
        return names.map(host => ({ labels: { ...about, __address__: `${withoutDot(host)}:${port}`, [label]: host } }))
      }
      const addresses = await (type === 'A' ? this.#resolver.a(name) : this.#resolver.aaaa(name))
      return addresses.map(address => ({ labels: { ...about, __address__: `${type === 'AAAA' ? `[${address}]` : address}:${port}` } }))
    } catch (error) {
      // A name without such records is an answer.
      if (['ENOTFOUND', 'ENODATA'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
      throw error
    }
  }
}

const withoutDot = (host: string): string => host.replace(/\.+$/, '')

/** JSON is YAML. @throws where it is no list of target groups */
function groupsOf(text: string): TargetGroup[] {
  const result = targetGroup.array().safeParse(parse(text) ?? [])
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new Error(`not a list of target groups: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`)
}

/** The files that a path stands for, `*` in whose last part is any characters. */
export async function matching(pattern: string, { files }: Pick<Context, 'files'>): Promise<string[]> {
  const at = pattern.lastIndexOf('/')
  const [folder, last] = [pattern.slice(0, at + 1), pattern.slice(at + 1)]
  if (!last.includes('*')) return [pattern]
  const regex = new RegExp(
    `^${last
      .split('*')
      .map(part => part.replaceAll(/[\\^$.+?()[\]{}|]/g, '\\$&'))
      .join('.*')}$`,
  )
  const names = await files.list(folder === '' ? '.' : folder)
  return names
    .filter(name => regex.test(name))
    .sort()
    .map(name => folder + name)
}
