/** What a line says, put where it belongs: into its point, or into what is known of its resource or scope. */
import type { Sample } from '../../exposition/read.ts'
import type { Entry } from './entry.ts'
import type { Point } from './point.ts'
import type { Reading } from './reading.ts'
import { ResourceNode, type ScopeNode } from './tree.ts'

/** @param line [lines] read one by one before it */
export function put(entry: Entry, point: Point, { value, start, exemplar }: Sample, line: number, reading: Reading): void {
  switch (entry.role) {
    case 'value':
      if (point.valueLine >= 0 && reading.time === point.time) return reading.leave('duplicate')
      point.value = value
      point.valueLine = line
      break
    case 'bucket':
      point.bucket(entry.bound, value, line)
      break
    case 'sum':
      point.sum = value
      point.sumLine = line
      break
    case 'count':
      point.count = value
      point.countLine = line
      break
    case 'created':
      point.start = value * 1000
      point.startLine = line
      // Where it is none, nothing is written, and nothing can be put there the next time.
      if (value === 0 && reading.draft !== undefined) reading.draft.steady = false
      return
  }
  if (start !== 0) point.start = start
  if (exemplar !== undefined) (point.exemplars ??= []).push(exemplar)
}

/** Of a line that tells of its resource or scope. */
export function tell({ about, info }: Entry, reading: Reading): void {
  if (about instanceof ResourceNode) reading.tellOf(about, info)
  else (about as ScopeNode).info = Object.fromEntries(info)
}
