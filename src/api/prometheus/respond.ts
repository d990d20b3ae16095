/** Puts an answer on the wire: piece by piece, compressed where the client takes it, at the pace at which the client reads. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { acceptsGzip } from '../../exposition/negotiate.ts'

export type Piece = Uint8Array | string

/** [bytes] of less than this a compressed answer saves nothing */
const smallBytes = 1024

/** Resolves when all of it was handed to the connection, or the client has gone away: then the rest is not made. */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, type, pieces }: { status: number; type: string; pieces: Iterable<Piece> },
): Promise<void> {
  response.statusCode = status
  response.setHeader('content-type', type)
  const iterator = pieces[Symbol.iterator]()
  const first = iterator.next()
  const second = first.done === true ? first : iterator.next()
  const only = first.done === true ? Buffer.alloc(0) : toBytes(first.value)
  if (second.done === true && only.length < smallBytes) {
    response.setHeader('content-length', only.length)
    return void response.end(only)
  }
  const out = acceptsGzip(request.headers['accept-encoding']) ? compressed(response) : response
  await write(response, out, only)
  for (let next = second; next.done !== true && !response.destroyed; next = iterator.next()) await write(response, out, next.value)
  out.end()
}

/** Pieces that are made as they are sent, as they are. Resolves when all of them were handed to the connection, or the client has gone away. */
export async function sendAll(response: ServerResponse, type: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  response.writeHead(200, { 'content-type': type })
  for await (const piece of pieces) {
    if (response.destroyed) return
    await write(response, response, piece)
  }
  response.end()
}

const toBytes = (piece: Piece): Uint8Array => (typeof piece === 'string' ? Buffer.from(piece) : piece)

/** The fastest level: the client waits, and nothing keeps what is sent. */
function compressed(response: ServerResponse): Writable {
  response.setHeader('content-encoding', 'gzip')
  response.setHeader('vary', 'accept-encoding')
  const gzip = createGzip({ level: 1, chunkSize: 64 * 1024 })
  gzip.pipe(response)
  response.once('close', () => gzip.destroy())
  return gzip
}

async function write(response: ServerResponse, out: Writable, piece: Piece): Promise<void> {
  if (out.write(piece) || response.destroyed) return
  await new Promise<void>(resolve => {
    const over = () => {
      out.off('drain', over)
      response.off('close', over)
      resolve()
    }
    out.on('drain', over)
    response.on('close', over)
  })
}
