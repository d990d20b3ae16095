/** From the body as it came to the hand-over: decompressed, from JSON to protobuf, offered. */
import { Raw } from '../../model/raw.ts'
import { jsonToProtobuf } from '../../otlp/json.ts'
import type { Encoding } from '../../otlp/status.ts'
import { type ContentEncoding, decompress } from './decompress.ts'
import type { Intake, Settle } from './door.ts'

/** How a body is to be read. */
export interface Form {
  readonly intake: Intake
  readonly encoding: Encoding
  readonly compressed: ContentEncoding | undefined
  /** [bytes] after decompression */
  readonly limit: number
}

/** `charge` is told of every byte that comes into being on the way. */
export function offerBody(form: Form, body: Raw, charge: (bytes: number) => void, settle: Settle): void {
  const { compressed, encoding } = form
  if (compressed === undefined) {
    if (encoding === 'json') transcode(form, body, charge, settle)
    else form.intake.offer(body, 'http', settle)
    return
  }
  decompress(compressed, body.bytes(), form.limit, (problem, bytes) => {
    if (bytes === undefined) return settle(problem)
    body.release()
    charge(bytes.length)
    if (encoding === 'json') transcode(form, inflated(bytes), charge, settle)
    else form.intake.offer(inflated(bytes), 'http', settle)
  })
}

/**
 * Pieces as node:http gave them, each in a buffer of its own: they are freed by the last who needs them. Node also cuts small buffers out of one
 * that it keeps, half of it at the most: what fills its buffer is no such piece.
 */
export const arrived = (chunks: readonly Uint8Array[]): Raw => (chunks.every(fillsItsBuffer) ? Raw.owning(chunks) : new Raw(chunks))

/** What was inflated into a buffer made for it, of at most a byte more. */
export const inflated = (bytes: Uint8Array): Raw => (bytes.buffer.byteLength - bytes.length <= 1 ? Raw.owning([bytes]) : Raw.of(bytes))

const fillsItsBuffer = ({ length, buffer }: Uint8Array): boolean => buffer.byteLength === length

function transcode({ intake }: Form, json: Raw, charge: (bytes: number) => void, settle: Settle): void {
  let protobuf: Uint8Array
  try {
    protobuf = jsonToProtobuf(intake.signal, json.bytes())
  } catch (malformed) {
    return settle(malformed)
  }
  json.release()
  charge(protobuf.length)
  intake.offer(Raw.owning([protobuf]), 'http', settle)
}
