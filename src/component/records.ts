/** Who keeps spans and log records to be asked for: exporters that do offer themselves here, under their id. */
import type { Records } from '../model/records.ts'
import { Offered, type Offers } from './offers.ts'

export interface KeptRecords {
  readonly traces: Offers<Records<'traces'>>
  readonly logs: Offers<Records<'logs'>>
}

export class OfferedRecords implements KeptRecords {
  readonly traces = new Offered<Records<'traces'>>()
  readonly logs = new Offered<Records<'logs'>>()
}
