/** What a sender is told, in the words of HTTP and of gRPC. */
import { PermanentError, RetryableError, UnauthenticatedError } from '../../component/errors.ts'
import { MalformedError } from '../../model/batch.ts'

export interface Verdict {
  /** HTTP status */
  readonly http: number
  /** gRPC status code */
  readonly grpc: number
  readonly message: string
  /** [ms] the same may come again after this long; undefined: never, or whenever */
  readonly retryAfterMs?: number
}

export const grpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

/** [ms] for refusals that name no time of their own: long enough to calm a storm, short enough that nobody's queue fills. */
const someTimeMs = 1000

/** What the receiver itself refuses. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly verdict: Verdict
  constructor(http: number, grpc: number, message: string, retryAfterMs?: number) {
    super(message)
    this.verdict = { http, grpc, message, ...(retryAfterMs !== undefined && { retryAfterMs }) }
  }
}

export const outOfMemory = () => new Refusal(429, grpcCode.resourceExhausted, 'memory is short: nothing more is read for now', someTimeMs)
export const tooSlow = () => new Refusal(408, grpcCode.deadlineExceeded, 'the body took too long to arrive')
export const shuttingDown = () => new Refusal(503, grpcCode.unavailable, 'shutting down', someTimeMs)
export const tooLarge = (limitBytes: number) =>
  new Refusal(413, grpcCode.resourceExhausted, `the request is larger than the ${limitBytes} bytes that are allowed`)

export function verdictOn(problem: unknown): Verdict {
  if (problem instanceof Refusal) return problem.verdict
  if (problem instanceof RetryableError) {
    return { http: 503, grpc: grpcCode.unavailable, message: problem.message, retryAfterMs: problem.retryAfterMs || someTimeMs }
  }
  if (problem instanceof MalformedError || problem instanceof PermanentError) {
    return { http: 400, grpc: grpcCode.invalidArgument, message: problem.message }
  }
  if (problem instanceof UnauthenticatedError) return { http: 401, grpc: grpcCode.unauthenticated, message: problem.message }
  return { http: 500, grpc: grpcCode.internal, message: 'internal error' }
}
