/** Who answers questions about series: exporters that keep samples offer themselves here; the Prometheus API, rules and whoever else asks finds them. */
import type { Store } from '../model/query.ts'
import { Offered, type Offers } from './offers.ts'

export type Queries = Offers<Store>

export class OfferedStores extends Offered<Store> {}
