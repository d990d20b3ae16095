/** The database of a neural application; `db.client.*` comes from its client's instrumentation. */
import { query } from '../bounds.ts'
import { gauge, histogram } from '../definition.ts'

export const database = {
  queryDuration: histogram('neural.db.query.duration', 's', 'One query; `query` is its name, not its text.', query, ['query']),
  connectionsActive: gauge('neural.db.connections.active', '{connection}', 'Connections in use, now.'),
  connectionsMax: gauge('neural.db.connections.max', '{connection}', 'Connections that there may be.'),
}
