/** A destination that speaks OTLP over HTTP and keeps the bodies it was sent. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SinkAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
}

export class Sink {
  readonly bodies: { readonly path: string; readonly body: Buffer }[] = []
  /** what to answer; undefined: never */
  answer: () => SinkAnswer | undefined = () => ({ status: 200 })
  readonly #server: Server
  #changed: (() => void)[] = []

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', chunk => chunks.push(chunk))
      request.on('end', () => {
        const answer = this.answer()
        if (answer === undefined) return
        if (answer.status === 200) this.bodies.push({ path: request.url ?? '', body: Buffer.concat(chunks) })
        response.writeHead(answer.status, { 'content-type': 'application/x-protobuf', ...answer.headers }).end()
        for (const changed of this.#changed.splice(0)) changed()
      })
    })
  }

  static async open(): Promise<Sink> {
    const sink = new Sink()
    await new Promise<void>(resolve => sink.#server.listen(0, '127.0.0.1', resolve))
    return sink
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** All bodies for `path`, one after the other: one valid request. */
  joined(path: string): Buffer {
    return Buffer.concat(this.bodies.filter(b => b.path === path).map(b => b.body))
  }

  /** Resolves when an answered request makes `done` true. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>(resolve => this.#changed.push(resolve))
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
