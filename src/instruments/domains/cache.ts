/** Caches. */
import { fast } from '../bounds.ts'
import { counter, histogram } from '../definition.ts'

export const cache = {
  requests: counter('cache.requests', '{request}', 'Look-ups; `hit` is true where it was there.', ['hit']),
  evictions: counter('cache.evictions', '{eviction}', 'Entries that had to make room.'),
  operationDuration: histogram('cache.operation.duration', 's', 'One operation.', fast, ['operation']),
}
