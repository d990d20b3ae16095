/** Every component there is: one import and one word each. */
import type { AnyFactory } from './component/component.ts'
import healthCheck from './extensions/health_check/index.ts'
import batch from './processors/batch/index.ts'
import memoryLimiter from './processors/memory_limiter/index.ts'

export const components: readonly AnyFactory[] = [memoryLimiter, batch, healthCheck]
