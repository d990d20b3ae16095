/**
 * OpenMetrics 1.0.0. `_created` is not written: Prometheus takes it for a series of its own unless told otherwise, and knows
 * start times from the protobuf format. A counter whose name has no `_total`, or whose name without it is taken, is
 * of unknown type here, as the format demands.
 */
import { type Exemplar, type Family, sampleNames } from './families.ts'
import { escapeValue, type Label, showName } from './labels.ts'
import { hasUnit } from './naming.ts'
import { showFloat, showOpenFloat, wholeMs } from './number.ts'
import { type Dialect, showMetricName } from './text.ts'

/** `families`: all that will be on the page. */
export function openMetrics(families: readonly Family[]): Dialect {
  const taken = new Set(families.flatMap(({ name, type }) => sampleNames(name, type)))
  return {
    head(family) {
      const { name, type } = shownAs(family, taken)
      const shown = showMetricName(name)
      const unit = hasUnit(name, family.unit) ? `# UNIT ${shown} ${family.unit}\n` : ''
      const help = family.help === '' ? '' : `# HELP ${shown} ${escapeValue(family.help)}\n`
      return `# TYPE ${shown} ${type}\n${unit}${help}`
    },
    float: showOpenFloat,
    bound: showOpenFloat,
    time: ms => ` ${seconds(ms)}`,
    exemplar({ labels, value, time }: Exemplar) {
      const text = labels.map(([name, label]) => `${showName(name)}="${escapeValue(label)}"`).join(',')
      return ` # {${text}} ${showFloat(value)}${time > 0 ? ` ${seconds(time)}` : ''}`
    },
    // A sum that can fall is forbidden, and a count without a sum as well; but with negative buckets, where there never is one, readers take it.
    totals: (sum, bounds) => (bounds[0]! < 0 ? 'count' : sum >= 0 ? 'sum and count' : 'none'),
    end: '# EOF\n',
  }
}

function shownAs({ name, type }: Family, taken: ReadonlySet<string>): { name: string; type: string } {
  if (type !== 'counter') return { name, type }
  const stem = name.replace(/_total$/, '')
  return stem === name || stem === '' || taken.has(stem) ? { name, type: 'unknown' } : { name: stem, type }
}

const seconds = (ms: number): string => String(wholeMs(ms) / 1000)

/** [characters] the labels of an exemplar, names and values together */
export const maxExemplarLength = 128

/** As many of `labels`, in order, as the limit lets through; what is too long is left out whole. */
export function fitExemplar(labels: readonly Label[]): Label[] {
  let left = maxExemplarLength
  return labels.filter(([name, value]) => {
    const length = [...name].length + [...value].length
    if (length > left) return false
    left -= length
    return true
  })
}
