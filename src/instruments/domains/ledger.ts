/** A ledger of events, chained by hashes. */
import { fast } from '../bounds.ts'
import { histogram } from '../definition.ts'

export const ledger = {
  eventProcessingDuration: histogram('ledger.event_processing.duration', 's', 'One event, from arrival to storage.', fast),
  eventValidationDuration: histogram('ledger.event_validation.duration', 's', 'Validating one event.', fast),
  hashCalculationDuration: histogram('ledger.hash_calculation.duration', 's', 'The hash of one event.', fast),
  storageWriteDuration: histogram('ledger.storage_write.duration', 's', 'Writing one event.', fast),
}
