/** Where our own listeners are, and what every component has said of its own. */

import type { Api } from '../api/listener.ts'
import type { OwnMetrics } from '../api/own-metrics.ts'
import type { ServiceConfig } from '../component/configuration.ts'
import type { Listening } from './contract.ts'

interface Place {
  stop(): void
  readonly heard: Disposable
}

export class Places {
  /** what listens where, as bound */
  readonly listening: Listening[] = []
  readonly #api: Api
  readonly #ownMetrics: OwnMetrics
  /** our own, by what they serve and where */
  readonly #open = new Map<string, Place>()

  constructor(api: Api, ownMetrics: OwnMetrics) {
    this.#api = api
    this.#ownMetrics = ownMetrics
  }

  /** Those that do not listen yet. @returns their keys @throws {StartError} and leaves the others as they were */
  async open(service: ServiceConfig): Promise<readonly string[]> {
    const opened: string[] = []
    for (const { key, what, address } of placesOf(service)) {
      if (this.#open.has(key)) continue
      const server = what === 'api' ? this.#api : this.#ownMetrics
      try {
        const url = await server.start(address)
        const place: Listening = what === 'api' ? { component: 'api', what, url } : { component: 'telemetry', what, url }
        this.#open.set(key, { stop: () => server.stop(address), heard: this.add(place) })
        opened.push(key)
      } catch (error) {
        this.close(opened)
        throw error
      }
    }
    return opened
  }

  close(keys: readonly string[]): void {
    for (const key of keys) {
      const place = this.#open.get(key)
      this.#open.delete(key)
      place?.stop()
      place?.heard[Symbol.dispose]()
    }
  }

  /** Of our own, those that a configuration no longer names. */
  closeAllBut(service: ServiceConfig): void {
    const wanted = new Set(placesOf(service).map(({ key }) => key))
    this.close([...this.#open.keys()].filter(key => !wanted.has(key)))
  }

  /** A component's, until it is disposed of. */
  add(place: Listening): Disposable {
    this.listening.push(place)
    return { [Symbol.dispose]: () => void this.listening.splice(this.listening.indexOf(place), 1) }
  }
}

const placesOf = ({ api, telemetry }: ServiceConfig) => [
  ...(api === undefined ? [] : [{ what: 'api' as const, address: api, key: `api ${api.host}:${api.port}` }]),
  ...telemetry.metrics.endpoints.map(address => ({
    what: 'own metrics' as const,
    address,
    key: `metrics ${address.host}:${address.port}`,
  })),
]
