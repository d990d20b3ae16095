import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Asked, Told } from '../../promql/fuzz/exact.ts'
import { program } from '../tools.ts'

/** What a query is printed as, or why it is refused. */
export interface Read {
  readonly error?: string
  readonly printed?: string
  readonly pretty?: string
}

/** Prometheus's engine and parser, without a server around them; one question at a time. */
export class PromqlTest implements Disposable {
  readonly #process: ChildProcessWithoutNullStreams = spawn(program('promqltest'), ['answer'])
  readonly #lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()

  /** Fills an empty storage. @returns what is wrong with the script; '' where nothing is */
  async load(script: string): Promise<string> {
    const { error = '' } = await this.#ask<{ readonly error?: string }>({ load: script })
    return error
  }

  query(asked: Asked): Promise<Told> {
    return this.#ask(asked)
  }

  parse(query: string): Promise<Read> {
    return this.#ask({ parse: query })
  }

  async #ask<T>(what: object): Promise<T> {
    this.#process.stdin.write(`${JSON.stringify(what)}\n`)
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error(`promqltest ended at ${JSON.stringify(what)}`)
    return JSON.parse(value) as T
  }

  [Symbol.dispose](): void {
    this.#process.kill()
  }
}
