/** Requests that can be told from one another, sent as they are, and found again in what a sink was sent. */
import { LOOPBACK } from './process.ts'
import { protobuf } from './protobuf.ts'
import type { Signal } from './rows.ts'
import type { Otlp } from './servers.ts'

/** One log record that says which it is. */
export const numbered = (n: number): Buffer =>
  protobuf([
    [
      1,
      'message',
      [
        [
          2,
          'message',
          [
            [
              2,
              'message',
              [
                [1, 'fixed64', 1_780_000_000_000_000_000n + BigInt(n)],
                [5, 'message', [[1, 'bytes', `line ${n}`]]],
              ],
            ],
          ],
        ],
      ],
    ],
  ])

/** @returns the status and the answer's body in hexadecimal */
export async function post(to: Otlp, signal: Signal, body: Buffer): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://${LOOPBACK}:${to.httpPort}/v1/${signal}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: new Uint8Array(body),
  })
  return { status: response.status, body: Buffer.from(await response.arrayBuffer()).toString('hex') }
}

/** Cuts `all` into the known bodies, and sorts them. @throws at the first byte that begins none. */
export function pieces(all: Buffer, bodies: readonly Buffer[]): string[] {
  const found: string[] = []
  for (let at = 0; at < all.length; ) {
    const body = bodies.find(b => all.subarray(at, at + b.length).equals(b))
    if (body === undefined) throw new Error(`no body begins at byte ${at}: ${all.subarray(at, at + 64).toString('hex')}`)
    found.push(body.toString('hex'))
    at += body.length
  }
  return found.sort()
}
