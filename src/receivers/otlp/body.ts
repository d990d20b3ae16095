/** From the body as it came to the hand-over: decompressed, from JSON to protobuf, offered. */
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
export function offerBody(form: Form, chunks: readonly Uint8Array[], charge: (bytes: number) => void, settle: Settle): void {
  const { compressed, encoding } = form
  if (compressed === undefined) {
    if (encoding === 'json') transcode(form, joined(chunks), charge, settle)
    else form.intake.offer(chunks, 'http', settle)
    return
  }
  decompress(compressed, joined(chunks), form.limit, (problem, bytes) => {
    if (bytes === undefined) return settle(problem)
    charge(bytes.length)
    if (encoding === 'json') transcode(form, bytes, charge, settle)
    else form.intake.offer([bytes], 'http', settle)
  })
}

function transcode({ intake }: Form, json: Uint8Array, charge: (bytes: number) => void, settle: Settle): void {
  let protobuf: Uint8Array
  try {
    protobuf = jsonToProtobuf(intake.signal, json)
  } catch (malformed) {
    return settle(malformed)
  }
  charge(protobuf.length)
  intake.offer([protobuf], 'http', settle)
}

const joined = (chunks: readonly Uint8Array[]): Uint8Array => (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
