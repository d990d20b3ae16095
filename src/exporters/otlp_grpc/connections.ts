/**
 * The connections to one destination: a single one, or, with `round_robin`, one to each address that its name has, which take turns.
 * The name is asked again now and then, since what stands behind it comes and goes.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { type Clock, every } from '../../lib/clock.ts'
import type { Connection } from './connection.ts'

/** [ms] as gRPC has it at the least */
const askAgainMs = 30_000

/** @throws where the name has none */
export type Resolve = (host: string) => Promise<readonly string[]>
const byName: Resolve = async host => (await lookup(host, { all: true })).map(({ address }) => address)

export class Connections {
  readonly #host: string
  readonly #make: (address: string | undefined) => Connection
  readonly #resolve: Resolve
  #all: { readonly address: string | undefined; readonly connection: Connection }[]
  #turn = 0
  #asking: Disposable | undefined

  /** @param make a connection to that address; to whatever the name says, where there is none */
  constructor(host: string, make: (address: string | undefined) => Connection, resolve: Resolve = byName) {
    this.#host = host
    this.#make = make
    this.#resolve = resolve
    this.#all = [{ address: undefined, connection: make(undefined) }]
  }

  /** From here on every address of the name has its turn. */
  async spread(clock: Clock): Promise<void> {
    if (isIP(this.#host) !== 0) return
    this.#asking = every(clock, askAgainMs, () => void this.#ask())
    await this.#ask()
  }

  /** The next in turn that could be connected to when that was last tried; if there is none, the next. */
  get next(): Connection {
    const { length } = this.#all
    this.#turn = (this.#turn + 1) % length
    for (let i = 0; i < length; i++) {
      const { connection } = this.#all[(this.#turn + i) % length]!
      if (!connection.broken) return connection
    }
    return this.#all[this.#turn]!.connection
  }

  each(run: (connection: Connection) => void): void {
    for (const { connection } of this.#all) run(connection)
  }

  close(): void {
    this.#asking?.[Symbol.dispose]()
    this.each(connection => connection.close())
  }

  /** A name that cannot be asked leaves what was: the calls themselves say what is wrong. */
  async #ask(): Promise<void> {
    this.each(connection => (connection.broken = false))
    const found = await this.#resolve(this.#host).catch(() => [])
    if (found.length === 0) return
    const addresses = [...new Set(found)]
    const gone = this.#all.filter(({ address }) => address === undefined || !addresses.includes(address))
    this.#all = addresses.map(address => this.#all.find(known => known.address === address) ?? { address, connection: this.#make(address) })
    for (const { connection } of gone) connection.retire()
  }
}
