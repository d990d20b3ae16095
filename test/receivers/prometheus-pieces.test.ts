/** A page is kept in pieces, and of the next page only what changed is read: whatever changes, it must become what reading all of it gives. */
import { describe, expect, test } from 'vitest'
import type { Format } from '../../src/exposition/read.ts'
import { Relabelling } from '../../src/exposition/relabel.ts'
import type { SeriesSettings } from '../../src/receivers/prometheus/first-sight.ts'
import { TargetSeries } from '../../src/receivers/prometheus/series.ts'
import { Chance } from '../kit/otlp.ts'

const settings: SeriesSettings = {
  ...{ honorLabels: true, honorTimestamps: true, trackTimestampsStaleness: false, externalLabels: [], relabelling: new Relabelling([]) },
  ...{ sampleLimit: 0, labelLimit: 0, labelNameLengthLimit: 0, labelValueLengthLimit: 0, bucketLimit: 0, maxScale: 20 },
  ...{ legacyNames: false, trimSuffixes: false, native: true, classic: false },
}
const target = { labels: [], job: 'j', instance: 'host:1', attributes: [] }
const time = 1_800_000_000_000

interface Group {
  name: string
  type: string
  help: string
  /** label sets */
  members: string[]
}
const types = ['counter', 'gauge', 'histogram', 'summary', 'unknown', 'gaugehistogram', 'bare']

/** A target whose page changes in every way that a page can. */
class Changing {
  readonly #chance: Chance
  readonly #format: Format
  readonly #strange: boolean
  #groups: Group[] = []
  #names = 0
  #labels = 0

  /** @param strange families apart, duplicates, descriptions that change */
  constructor(seed: number, format: Format, strange: boolean) {
    this.#chance = new Chance(seed)
    this.#format = format
    this.#strange = strange
    for (let i = 0; i < 25; i++) this.#add()
  }

  #add(): void {
    const chance = this.#chance
    const type = chance.pick(types)
    const members = Array.from({ length: 1 + chance.int(9) }, () => this.#member())
    this.#groups.splice(chance.int(this.#groups.length + 1), 0, { name: `m${this.#names++ % 60}`, type, help: 'about', members })
  }

  #member(): string {
    const chance = this.#chance
    const where = chance.is(0.1) ? `,job="${chance.int(3)}",instance="other:1"` : ''
    const scope = chance.is(0.1) ? `,otel_scope_name="s${chance.int(3)}"` : ''
    return `i="${this.#labels++ % 500}"${where}${scope}${chance.is(0.1) ? ',drop="yes"' : ''}`
  }

  change(): void {
    const chance = this.#chance
    const groups = this.#groups
    const group = chance.pick(groups)
    const change = this.#strange && chance.is(0.1) ? 7 + chance.int(3) : chance.int(7)
    if (change === 0) this.#add()
    else if (change === 1 && groups.length > 3) groups.splice(chance.int(groups.length), 1)
    else if (change === 2) group.members.splice(chance.int(group.members.length + 1), 0, this.#member())
    else if (change === 3 && group.members.length > 1) group.members.splice(chance.int(group.members.length), 1)
    else if (change === 4) this.#groups = chance.is(0.2) ? chance.shuffle([...groups]) : [...groups.slice(7), ...groups.slice(0, 7)]
    else if (change === 5) group.members = chance.shuffle([...group.members])
    else if (change === 6) for (let k = 0; k < 5; k++) group.members.push(this.#member())
    else if (change === 7) group.type = chance.pick(types)
    else if (change === 8) group.help = chance.pick(['about', 'of', ''])
    else if (chance.is(0.2)) groups.push({ ...chance.pick(groups), members: [...group.members] })
  }

  page(): Buffer {
    const open = this.#format === 'openmetrics'
    const chance = this.#chance
    const apart: string[] = []
    let text = ''
    for (const { name, type, help, members } of this.#groups) {
      if (type !== 'bare') {
        if (help !== '') text += `# HELP ${name} ${help} ${name}\n`
        text += `# TYPE ${name} ${open || (type !== 'unknown' && type !== 'gaugehistogram') ? type : 'untyped'}\n`
      }
      for (const member of members) {
        const lines = this.#lines(name, type, member, open)
        if (this.#strange && chance.is(0.0005)) apart.push(...lines)
        else text += lines.join('')
      }
    }
    if (chance.is(0.9)) text += 'target_info{version="1"} 1\n'
    if (chance.is(0.5)) text += `otel_scope_info{otel_scope_name="s1",x="${chance.int(2)}"} 1\n`
    return Buffer.from(`${text}${apart.join('')}${open ? '# EOF\n' : ''}`)
  }

  #lines(name: string, type: string, member: string, open: boolean): string[] {
    const chance = this.#chance
    const number = () => chance.pick([String(chance.int(1000)), (chance.next() * 1e6).toFixed(chance.int(8)), '1e-7', 'NaN', '-0', '+Inf'])
    const line = (end: string, labels: string, value: string) => {
      const stamp = chance.is(0.003) ? ` ${open ? (time + chance.int(9)) / 1000 : time + chance.int(9)}` : ''
      const exemplar = open && chance.is(0.003) ? ` # {trace_id="0af7651916cd43dd8448eb211c80319c"} ${chance.int(9)}` : ''
      return `${name}${end}{${labels}} ${value}${stamp}${exemplar}\n`
    }
    const created = open && member.length % 3 === 0 ? [line('_created', member, String(chance.int(3)))] : []
    if (type === 'counter') return [line('_total', member, number()), ...created]
    if (type === 'summary')
      return [
        ...['0.5', '0.9'].map(q => line('', `${member},quantile="${q}"`, number())),
        line('_sum', member, number()),
        line('_count', member, '7'),
      ]
    if (type === 'histogram' || type === 'gaugehistogram') {
      const [sum, count] = type === 'histogram' ? ['_sum', '_count'] : ['_gsum', '_gcount']
      const buckets = ['0.5', '2', '+Inf'].map(le => line('_bucket', `${member},le="${le}"`, String(chance.int(50))))
      return [...buckets, line(sum, member, number()), line(count, member, String(chance.int(100))), ...created]
    }
    return [line('', member, number()), ...(this.#strange && chance.is(0.001) ? [line('', member, number())] : [])]
  }
}

/** What a page became, or why it was refused. */
function outcome(series: TargetSeries, page: Buffer, format: Format, at: number): unknown {
  try {
    const { request, ...rest } = series.scrape(page, format, at)
    return { ...rest, request: request === undefined ? '' : Buffer.from(request).toString('latin1') }
  } catch (error) {
    const request = series.miss(at)
    return { message: String(error), request: request === undefined ? '' : Buffer.from(request).toString('latin1') }
  }
}

const dropping = new Relabelling([{ action: 'drop', source_labels: ['drop'], separator: ';', regex: 'yes', replacement: '$1' }])

describe.each(['text', 'openmetrics'] as const)('%s: pages that change in every way', format => {
  test.each([
    ['as pages do', 0.8, false, {}],
    ['as no page should', 1, true, {}],
    ['with lines that metric relabelling drops', 0.8, false, { relabelling: dropping }],
    ['with stale markers of samples with times', 0.8, false, { trackTimestampsStaleness: true }],
    ['with a limit', 0.9, false, { sampleLimit: 500 }],
  ] as const)('%s', (_, most, strange, more) => {
    let [pages, refused, read, lines] = [0, 0, 0, 0]
    for (let seed = 1; seed <= 3; seed++) {
      const chance = new Chance(seed)
      const changing = new Changing(seed, format, strange)
      const kept = new TargetSeries({ ...settings, ...more }, target)
      const plain = new TargetSeries({ ...settings, ...more }, target, false)
      for (let round = 0; round < 150; round++) {
        // Now and then it is the same for so long that little of it is remembered.
        const rounds = chance.is(0.03) ? 8 : 1
        if (chance.is(0.6)) for (let n = chance.int(4); n >= 0; n--) changing.change()
        for (let i = 0; i < rounds; i++) {
          let page = changing.page()
          if (chance.is(0.01)) page = page.subarray(0, chance.int(page.length))
          if (chance.is(0.03)) page[chance.int(page.length)] = page[chance.int(page.length)]!
          const at = time + 100 * round + i
          pages++
          const [found, all] = [outcome(kept, page, format, at), outcome(plain, page, format, at)]
          if ((all as { message?: string }).message !== undefined) refused++
          if (JSON.stringify(found) !== JSON.stringify(all)) expect({ seed, round, found }).toEqual({ seed, round, found: all })
        }
        if (chance.is(0.02)) expect(kept.miss(time + round)).toEqual(plain.miss(time + round))
        expect(kept.report({ up: 1 }, time + round)).toEqual(plain.report({ up: 1 }, time + round))
      }
      read += kept.linesRead
      lines += plain.linesRead
    }
    // Neither of them is what is tested, if it is all there is.
    expect(refused).toBeLessThan(0.7 * pages)
    expect(read).toBeLessThan(most * lines)
  })
})

/** A piece has two of these families. */
describe('what is read line by line', () => {
  const family = (name: string, lines: readonly string[]) =>
    `# HELP ${name} about\n# TYPE ${name} gauge\n${lines.map(line => `${name}{i="${line}"} 1\n`).join('')}`
  const names = Array.from({ length: 40 }, (_, i) => `m${i}`)
  const numbers = Array.from({ length: 50 }, (_, i) => String(i))
  const page = (change: (name: string, text: string) => string = (_, text) => text) =>
    names.map(name => change(name, family(name, numbers))).join('')
  const linesRead = (...pages: readonly string[]) => {
    const series = new TargetSeries(settings, target)
    for (let i = 0; i < 3; i++) series.scrape(Buffer.from(page()), 'text', time + i)
    const before = series.linesRead
    for (const [i, text] of pages.entries()) series.scrape(Buffer.from(text), 'text', time + 10 + i)
    return series.linesRead - before
  }
  const turned = [...names.slice(8), ...names.slice(0, 8)].map(name => family(name, numbers)).join('')
  const only = (name: string, change: (text: string) => string) => page((each, text) => (each === name ? change(text) : text))

  test.each([
    ['nothing of the same page', [page()], 0],
    ['nothing of families in another order', [turned], 0],
    ['of families that are missing only their neighbours', [page((name, text) => (name.endsWith('3') ? '' : text))], 200],
    ['a family with a new line in it', [only('m20', text => text.replace('m20{i="7"}', 'm20{i="new"} 1\nm20{i="7"}'))], 101],
    ['a family with a new line at its end', [only('m20', text => `${text}m20{i="new"} 1\n`)], 101],
    ['a family that lacks a line', [only('m20', text => text.replace('m20{i="7"} 1\n', ''))], 99],
    ['a new family and its neighbours', [only('m20', text => `${text}${family('new', numbers)}`)], 150],
    ['a family with a time, again and again', [1, 2, 3].map(i => only('m20', text => text.replace('"7"} 1', `"7"} 1 ${time + i}`))), 200],
    ['all of a page that describes a family anew', [page().replace('m20 about', 'm20 of')], 2000],
  ])('%s', (_, pages, lines) => {
    expect(linesRead(...pages)).toBe(lines)
  })
})
