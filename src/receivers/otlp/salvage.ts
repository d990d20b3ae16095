/**
 * One bad row must not cost its neighbours: a request that cannot be read is halved until its culprits are alone. What is
 * broken above the rows cannot be halved and is refused whole. Bounded, since it is a sender who chooses what we read so often.
 */
import { MalformedError } from '../../model/batch.ts'
import type { Signal } from '../../model/signal.ts'
import { halve } from '../../otlp/cut.ts'
import type { PartialSuccess } from '../../otlp/status.ts'

export interface Salvaged {
  /** each a request; one after the other they are one */
  readonly kept: readonly Uint8Array[]
  readonly refused: PartialSuccess
}

/** [bytes] a larger request is refused whole */
const maxBytes = 2 ** 20
/** With more culprits than these the sender has a fault of its own that one row's message would not explain. */
const maxCulprits = 16

/**
 * @param read throws MalformedError where its argument is not a request
 * @returns undefined where the request is to be refused whole
 */
export function salvage(signal: Signal, request: Uint8Array, read: (request: Uint8Array) => void): Salvaged | undefined {
  if (request.length > maxBytes) return undefined
  const kept: Uint8Array[] = []
  let rejected = 0
  let message = ''

  const sift = (piece: Uint8Array): void => {
    try {
      read(piece)
      kept.push(piece)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      const halves = halve(signal, piece)
      if (halves !== undefined) {
        sift(halves[0])
        sift(halves[1])
        return
      }
      if (++rejected > maxCulprits) throw error
      message = error.message
    }
  }
  try {
    sift(request)
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
  return kept.length === 0 || rejected === 0 ? undefined : { kept, refused: { rejected, message } }
}
