/** A strict reader of both text formats: what it accepts, every scraper does. Shares no code with the writers. */

export interface Sample {
  readonly name: string
  readonly labels: ReadonlyMap<string, string>
  readonly value: number
  /** as written; '' where absent */
  readonly time: string
  readonly exemplar: string
}
export interface ParsedFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly unit: string
  readonly samples: Sample[]
}

const plainName = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const quoted = '"(?:[^"\\\\\\n]|\\\\[\\\\"n])*"'
const label = `(?:[a-zA-Z_][a-zA-Z0-9_]*|${quoted})=${quoted}`
const labels = `(?:${label}(?:,${label})*)?`
const number = '(?:NaN|[+-]Inf|-?\\d+(?:\\.\\d+)?(?:e[+-]\\d{2,3})?)'
const exemplar = `# \\{${labels}\\} ${number}(?: \\d+(?:\\.\\d+)?)?`
const sampleLine = new RegExp(
  `^(?:(${plainName})(?:\\{(${label}(?:,${label})*)\\})?|\\{(${quoted})(?:,(${label}(?:,${label})*))?\\}) (${number})(?: (-?\\d+(?:\\.\\d+)?))?(?: (${exemplar}))?$`,
)
const typeLine = new RegExp(`^# TYPE (${plainName}|${quoted}) (\\w+)$`)
const helpLine = new RegExp(`^# HELP (${plainName}|${quoted}) ([^\\n]+)$`)
const unitLine = new RegExp(`^# UNIT (${plainName}|${quoted}) (\\S+)$`)

export function parsePage(text: string, format: 'text' | 'openmetrics'): Map<string, ParsedFamily> {
  const open = format === 'openmetrics'
  if (open && !text.endsWith('# EOF\n')) throw new Error('does not end with # EOF')
  if (text !== '' && !text.endsWith('\n')) throw new Error('does not end with a newline')
  const families = new Map<string, ParsedFamily>()
  const seen = new Set<string>()
  let head = { name: '', type: '', help: '', unit: '' }
  let family: ParsedFamily | undefined
  const about = (name: string) => {
    if (name === head.name && family === undefined) return
    if (families.has(name)) throw new Error(`family ${name} is begun twice`)
    head = { name, type: '', help: '', unit: '' }
    family = undefined
  }
  for (const line of text.split('\n').slice(0, open ? -2 : -1)) {
    let match: RegExpExecArray | null
    if ((match = typeLine.exec(line)) !== null) {
      about(unquote(match[1]!))
      head.type = match[2]!
    } else if ((match = helpLine.exec(line)) !== null) {
      about(unquote(match[1]!))
      head.help = match[2]!
    } else if (open && (match = unitLine.exec(line)) !== null) {
      about(unquote(match[1]!))
      head.unit = match[2]!
      if (!head.name.endsWith(`_${head.unit}`)) throw new Error(`unit ${head.unit} is not in the name ${head.name}`)
    } else if ((match = sampleLine.exec(line)) !== null) {
      const sample = toSample(match)
      if (family === undefined) {
        family = { ...head, samples: [] }
        families.set(head.name, family)
      }
      checkName(sample, family, open)
      const key = keyOf(sample)
      if (seen.has(key)) throw new Error(`duplicate series: ${key}`)
      seen.add(key)
      family.samples.push(sample)
    } else throw new Error(`cannot read line ${JSON.stringify(line)}`)
  }
  for (const one of families.values()) checkFamily(one)
  return families
}

/** Every sample by name and labels, as the two text formats and the protobuf one must agree on. */
export const samplesOf = (families: ReadonlyMap<string, ParsedFamily>): Map<string, number> =>
  new Map([...families.values()].flatMap(family => family.samples.map(sample => [keyOf(sample), sample.value])))

/** What of `samplesOf` an OpenMetrics page has: a histogram with negative buckets has no sum, and one whose sum is unknown or negative has no totals. */
export function openSamplesOf(families: ReadonlyMap<string, ParsedFamily>): Map<string, number> {
  const samples = samplesOf(families)
  for (const { name, type, samples: all } of families.values()) {
    if (type !== 'histogram') continue
    const others = ({ labels }: Sample) => new Map([...labels].filter(([key]) => key !== 'le'))
    const negative = new Set(
      all.filter(({ labels: set }) => toNumber(set.get('le') ?? '0') < 0).map(one => keyOf({ name, labels: others(one) })),
    )
    for (const one of all.filter(sample => sample.name === `${name}_count`)) {
      const sum = keyOf({ name: `${name}_sum`, labels: one.labels })
      const total = samples.get(sum) ?? Number.NaN
      const below = negative.has(keyOf({ name, labels: one.labels }))
      if (below || !(total >= 0)) samples.delete(sum)
      if (!below && !(total >= 0)) samples.delete(keyOf(one))
    }
  }
  return samples
}

/** `le` and `quantile` are numbers, however they are written. */
export function keyOf({ name, labels: set }: Pick<Sample, 'name' | 'labels'>): string {
  const numeric = new Set(['le', 'quantile'])
  const shown = [...set].map(([key, value]) => [key, numeric.has(key) ? String(toNumber(value)) : value]).sort()
  return JSON.stringify([name, shown])
}

function toSample([, plain, some, quotedName, others, value, time, shown]: RegExpExecArray): Sample {
  const set = new Map<string, string>()
  for (const [, key, text] of (some ?? others ?? '').matchAll(new RegExp(`([a-zA-Z_][a-zA-Z0-9_]*|${quoted})=(${quoted})`, 'g'))) {
    const name = unquote(key!)
    if (set.has(name)) throw new Error(`duplicate label ${name}`)
    if (name.startsWith('__')) throw new Error(`reserved label ${name}`)
    if (unquote(text!) === '') throw new Error(`empty label ${name}`)
    set.set(name, unquote(text!))
  }
  const inside = /\{(.*)\}/s.exec(shown ?? '')?.[1] ?? ''
  const length = [...inside.matchAll(new RegExp(`([a-zA-Z_][a-zA-Z0-9_]*|${quoted})=(${quoted})`, 'g'))]
    .map(([, key, text]) => [...unquote(key!)].length + [...unquote(text!)].length)
    .reduce((sum, n) => sum + n, 0)
  if (length > 128) throw new Error(`exemplar labels of ${length} characters`)
  return { name: plain ?? unquote(quotedName!), labels: set, value: toNumber(value!), time: time ?? '', exemplar: shown ?? '' }
}

const toNumber = (text: string): number => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text))

function unquote(text: string): string {
  if (!text.startsWith('"')) return text
  return text.slice(1, -1).replace(/\\(.)/gs, (_, c: string) => (c === 'n' ? '\n' : c))
}

const suffixes: Record<string, readonly string[]> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
}

function checkName({ name, labels: set }: Sample, family: ParsedFamily, open: boolean): void {
  const allowed = open && family.type === 'counter' ? ['_total'] : (suffixes[family.type] ?? [''])
  if (!allowed.some(suffix => name === family.name + suffix)) throw new Error(`sample ${name} in family ${family.name} of ${family.type}`)
  if (family.type === 'histogram' && set.has('le') !== name.endsWith('_bucket')) throw new Error(`le of ${name}`)
}

/** Buckets grow with `le`, end with +Inf, and +Inf is the count. */
function checkFamily(family: ParsedFamily): void {
  if (family.type !== 'histogram') return
  const last = new Map<string, { le: number; count: number }>()
  for (const sample of family.samples) {
    const others = new Map([...sample.labels].filter(([key]) => key !== 'le'))
    const key = keyOf({ name: '', labels: others })
    if (sample.name.endsWith('_bucket')) {
      const before = last.get(key) ?? { le: -Infinity, count: 0 }
      const le = toNumber(sample.labels.get('le')!)
      if (before.count > 0 && le <= before.le) throw new Error(`le ${le} after ${before.le} in ${family.name}`)
      if (sample.value < before.count && le !== Infinity) throw new Error(`bucket ${le} of ${family.name} is smaller than the one before`)
      last.set(key, { le, count: sample.value })
    }
    if (sample.name.endsWith('_count')) {
      const end = last.get(key)
      if (end === undefined || end.le !== Infinity || end.count !== sample.value) throw new Error(`+Inf of ${family.name} is not its count`)
    }
  }
}
