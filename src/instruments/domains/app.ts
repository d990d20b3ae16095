/** The application as those who call it see it. `monitored` writes here. */
import { request } from '../bounds.ts'
import { counter, gauge, histogram } from '../definition.ts'

export const app = {
  responseDuration: histogram('app.response.duration', 's', 'From a call to its answer.', request, ['endpoint', 'domain']),
  throughput: gauge('app.throughput', '{request}/s', 'Calls a second, now.', ['endpoint', 'domain']),
  errors: counter('app.errors', '{error}', 'Calls that failed.', ['endpoint', 'domain', 'error.type']),
}
