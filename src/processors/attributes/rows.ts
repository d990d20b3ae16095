import type { Actions } from '../../attributes/actions.ts'
import type { AnyBatch } from '../../model/batch.ts'
import { AttributeList, type Change } from '../../otlp/edit.ts'
import { rowHolder } from '../../otlp/holders.ts'
import { AttributeScan, Scan } from '../../otlp/scan.ts'
import { Place } from '../../ottl/place.ts'
import { SeriesVerdicts } from '../../ottl/verdicts.ts'

const STAYS = 1
const CHANGES = 2

/**
 * The changes that `actions` make to the rows for which `which` holds. Whether a data point changes depends on its series only, and is found out once; of a
 * span or a record it is asked whether it has a key that could matter, before more is done.
 */
export function rowEditor(actions: Actions, which: ((at: Place) => boolean) | undefined): (batch: AnyBatch) => readonly Change[] {
  const at = new Place()
  const verdicts = new SeriesVerdicts()
  const matters = keysMatter(actions.needs)
  return batch => {
    at.open(batch)
    const changes: Change[] = []
    for (const [number, group] of at.groups.entries()) {
      const { rows, field, points } = group
      const edit = (i: number): boolean => {
        if (!matters(at.bytes, rows.from[i]!, rows.to[i]!, field)) return false
        if (which !== undefined && !which(at.toRow(number, i))) return false
        const list = new AttributeList(rowHolder(batch, group, i))
        actions.apply(list)
        list.changes(changes)
        return list.changed
      }
      for (let i = 0; i < rows.length; i++) {
        const known = points === undefined ? CHANGES : verdicts.find(batch.dictionary, points.series[i]!)
        if (known === STAYS) continue
        const changed = edit(i)
        if (known === 0) verdicts.remember(batch.dictionary, points!.series[i]!, changed ? CHANGES : STAYS)
      }
    }
    return changes
  }
}

function keysMatter(keys: readonly string[] | undefined): (bytes: Uint8Array, from: number, to: number, field: number) => boolean {
  if (keys === undefined) return () => true
  const names = keys.map(key => new TextEncoder().encode(key))
  const row = new Scan()
  const scan = new AttributeScan()
  return (bytes, from, to, field) => {
    row.over(bytes, from, to).next()
    for (scan.over(bytes, row.start, row.end, field); scan.next(); ) for (const name of names) if (scan.is(name)) return true
    return false
  }
}
