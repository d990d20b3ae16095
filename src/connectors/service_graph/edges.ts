/** Requests of which one side is known, until the other side comes or time is over. */

export interface Edge {
  readonly key: string
  /** the client span has no id: whoever asks sends no spans at all */
  readonly rootless: boolean
  /** ms, monotonic */
  readonly expiresMs: number
  client: string
  server: string
  connection: '' | 'messaging_system' | 'database' | 'virtual_node'
  /** [s] */
  clientLatency: number
  serverLatency: number
  failed: boolean
  /** what the client says of the server */
  peer: string
  virtual: '' | 'client' | 'server'
  readonly dimensions: Map<string, string>
}

export class Edges {
  readonly #most: number
  readonly #ttlMs: number
  /** In the order in which they expire. */
  readonly #waiting = new Map<string, Edge>()
  /** requests of which a first span came, so far */
  begun = 0

  constructor(most: number, ttlMs: number) {
    this.#most = most
    this.#ttlMs = ttlMs
  }

  get size(): number {
    return this.#waiting.size
  }

  /** @returns the edge, once both sides are known; 'waits' before; 'full' where there is no room to wait */
  update(key: string, rootless: boolean, nowMs: number, change: (edge: Edge) => void): Edge | 'waits' | 'full' {
    const known = this.#waiting.get(key)
    const edge = known ?? this.#edge(key, rootless, nowMs)
    change(edge)
    if (edge.client !== '' && edge.server !== '') {
      this.#waiting.delete(key)
      if (known === undefined) this.begun++
      return edge
    }
    if (known !== undefined) return 'waits'
    if (this.#waiting.size >= this.#most) return 'full'
    this.#waiting.set(key, edge)
    this.begun++
    return 'waits'
  }

  /** Those that have waited too long, which wait no more. */
  *expired(nowMs: number): Generator<Edge> {
    for (const edge of this.#waiting.values()) {
      if (edge.expiresMs > nowMs) return
      this.#waiting.delete(edge.key)
      yield edge
    }
  }

  clear(): void {
    this.#waiting.clear()
  }

  #edge(key: string, rootless: boolean, nowMs: number): Edge {
    return {
      ...{ key, rootless, expiresMs: nowMs + this.#ttlMs, client: '', server: '', connection: '', clientLatency: 0, serverLatency: 0 },
      ...{ failed: false, peer: '', virtual: '', dimensions: new Map() },
    }
  }
}
