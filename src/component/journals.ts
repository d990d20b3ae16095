/** Who remembers what was decided: the `journal` extension offers itself here; whoever decides, or follows what is decided, finds it. */
import type { Journal } from '../model/journal.ts'
import { Offered, type Offers } from './offers.ts'

export type Journals = Offers<Journal>

export class OfferedJournals extends Offered<Journal> {}
