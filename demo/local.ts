/**
 * Services of docker-compose.yml as processes of this machine, without Docker: each with its own command, environment and mounted files,
 * in which addresses (`jaeger:4317`, `0.0.0.0:4317`) become ports of 127.0.0.1, and mounted paths folders. Nothing else is changed.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

export interface Service {
  readonly image: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  /** `127.0.0.1:PUBLISHED:PORT` */
  readonly ports?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

/** As Compose reads it, with nothing set in the environment: `${NAME:-default}` is the default. */
export function readCompose(text = readFileSync(`${ROOT}docker-compose.yml`, 'utf8')): Readonly<Record<string, Service>> {
  return parse(text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1').replaceAll('$$', '$'), { merge: true }).services
}

const escaped = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')

export class Local {
  readonly services = readCompose()
  readonly #folder: string
  readonly #portOf: (service: string, port: number) => number
  /** host and port: of a service, or its own */
  readonly #addresses: RegExp

  /** @param folder of mounted files and volumes @param portOf the port of 127.0.0.1 that stands for one of a container: always the same one */
  constructor(folder: string, portOf: (service: string, port: number) => number) {
    this.#folder = folder
    this.#portOf = portOf
    const hosts = [...Object.keys(this.services), '0.0.0.0', '127.0.0.1'].map(escaped)
    this.#addresses = new RegExp(`(?<![\\w.]|\\w-)(${hosts.join('|')}):(\\d+)\\b`, 'g')
  }

  url(service: string, port: number): string {
    return `http://127.0.0.1:${this.#portOf(service, port)}`
  }

  /** Lays out the files that a service is given. @returns what it is run with, and the command that asks how it is */
  prepare(name: string): { args: string[]; env: Record<string, string>; health: string[] } {
    const service = this.services[name]!
    for (const [source, target] of this.#mounts(name)) {
      if (source === undefined) mkdirSync(target, { recursive: true })
      else this.#lay(name, join(ROOT, source), target)
    }
    const local = (text: string) => this.#translate(name, text)
    return {
      args: (service.command ?? []).map(local),
      env: Object.fromEntries(Object.entries(service.environment ?? {}).map(([key, value]) => [key, local(value)])),
      health: (service.healthcheck?.test ?? []).slice(1).map(local),
    }
  }

  /** [source in the repository, or undefined for a volume of its own; where it lies here; where it lies in the container] */
  #mounts(name: string): [string | undefined, string, string][] {
    return (this.services[name]!.volumes ?? []).map(volume => {
      const [source = '', target = ''] = volume.split(':')
      return [source.startsWith('.') ? source : undefined, join(this.#folder, name, target), target]
    })
  }

  #lay(name: string, from: string, to: string): void {
    if (!existsSync(from)) throw new Error(`docker-compose.yml: ${name}: there is no ${from}`)
    if (statSync(from).isDirectory()) {
      for (const entry of readdirSync(from)) this.#lay(name, join(from, entry), join(to, entry))
      return
    }
    mkdirSync(join(to, '..'), { recursive: true })
    if (/\.(ya?ml|json)$/.test(from)) writeFileSync(to, this.#translate(name, readFileSync(from, 'utf8')))
    else cpSync(from, to)
  }

  #translate(name: string, text: string): string {
    const moved = text
      .replaceAll(this.#addresses, (_, host: string, port: string) => {
        return `127.0.0.1:${this.#portOf(host in this.services ? host : name, Number(port))}`
      })
      .replaceAll(/host: 0\.0\.0\.0, port: (\d+)/g, (_, port: string) => `host: 127.0.0.1, port: ${this.#portOf(name, Number(port))}`)
    const here = new Map(this.#mounts(name).map(([, path, target]) => [target, path]))
    if (here.size === 0) return moved
    // The longest first: of /etc/grafana/dashboards and /etc/grafana it is the former.
    const targets = [...here.keys()].sort((a, b) => b.length - a.length).map(escaped)
    return moved.replaceAll(new RegExp(`(?<![\\w.-])(${targets.join('|')})(?![\\w.-])`, 'g'), target => here.get(target)!)
  }
}
