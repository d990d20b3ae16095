import { Labels } from '../../model/labels.ts'
import type { MutableRow } from '../kernel.ts'
import type { Grid } from '../value.ts'

/** A row of its own, ABSENT at all steps. */
export const emptyRow = ({ steps }: Grid, labels: Labels = Labels.empty, dropName = false): MutableRow => ({
  labels,
  dropName,
  kind: new Uint8Array(steps),
  value: new Float64Array(steps),
  histograms: undefined,
})
