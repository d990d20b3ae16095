/**
 * `npm run soak -- [ROW …] [options]`: the long forms of the faults that the peer tests hold short. Each prints its verdict; `--write` puts it
 * into docs/reliability.md. Without a row, all of them, in an hour or so beside the hours of `load`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machine } from '../bench/kit.ts'
import { cardinality } from '../test/peers/soak/cardinality.ts'
import { siege, sieges } from '../test/peers/soak/connections.ts'
import { outage, outages } from '../test/peers/soak/destination.ts'
import { kills } from '../test/peers/soak/kills.ts'
import { load } from '../test/peers/soak/load.ts'
import type { Row, Say } from '../test/peers/soak/row.ts'
import { installAll } from '../test/peers/tools.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    hours: { type: 'string', default: '2' },
    points: { type: 'string', default: '5000' },
    minutes: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '10' },
    series: { type: 'string', default: '1200000' },
    log: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})

interface Soak {
  readonly name: string
  readonly says: string
  run(say: Say): Promise<readonly Row[]>
}

const soaks: readonly Soak[] = [
  {
    name: 'load',
    says: 'hours of ordinary load: --hours 2 --points 5000',
    async run(say) {
      const seconds = Number(values.hours) * 3600
      const warmSeconds = Math.min(20 * 60, seconds / 3)
      return [await load({ seconds, warmSeconds, pointsPerSecond: Number(values.points), churnSeconds: 10, log: values.log }, say)]
    },
  },
  {
    name: 'connections',
    says: 'ill-behaved clients beside healthy ones, on every listener: --seconds 10 each',
    async run(say) {
      const rows: Row[] = []
      for (const one of sieges(Number(values.seconds) * 1000)) rows.push((await siege(one, say)).row)
      return rows
    },
  },
  {
    name: 'cardinality',
    says: 'a million series and names, and then some: --series 1200000 --minutes 10',
    run: async say => {
      const series = Number(values.series)
      return [await cardinality({ series, most: Math.round(series / 1.2), seconds: Number(values.minutes) * 60 }, say)]
    },
  },
  {
    name: 'destination',
    says: 'a destination that answers 503, hangs, resets, answers partial success, all at once: --minutes 10',
    async run(say) {
      const rows: Promise<Row>[] = []
      for (const one of outages(Number(values.minutes) * 60)) {
        rows.push(outage(one, say))
        // Eight at once would start one another to death.
        await new Promise(resolve => setTimeout(resolve, 3000))
      }
      return Promise.all(rows)
    },
  },
  {
    name: 'kills',
    says: 'kill -9 at random moments, with the queue on the disk: --rounds 1000',
    run: async say => [await kills({ rounds: Number(values.rounds ?? 1000) }, say)],
  },
]

/** The options of each. */
const own: Readonly<Record<string, readonly string[]>> = {
  load: ['hours', 'points'],
  connections: ['seconds'],
  cardinality: ['series', 'minutes'],
  destination: ['minutes'],
  kills: ['rounds'],
}

const say: Say = line => console.error(`soak: ${line}`)
const unknown = positionals.filter(name => !soaks.some(soak => soak.name === name))
if (unknown.length > 0) {
  console.error(`no soak is called ${unknown.join(', ')}\n${soaks.map(({ name, says }) => `  ${name}: ${says}`).join('\n')}`)
  process.exit(1)
}
installAll(say)
for (const soak of soaks) {
  if (positionals.length > 0 && !positionals.includes(soak.name)) continue
  say(`${soak.name}: begins`)
  for (const row of await soak.run(say)) {
    console.log(`${row.met ? 'met    ' : 'NOT MET'} ${row.fault} (${row.rounds}): ${row.measured}`)
    if (values.write) write(row, command(soak.name))
    if (!row.met) process.exitCode = 1
  }
}

function command(name: string): string {
  const flags = Object.entries(values).filter(([key, value]) => value !== undefined && own[name]?.includes(key))
  return `npm run soak -- ${[name, ...flags.map(([key, value]) => `--${key} ${value}`)].join(' ')}`
}

/** Puts the row into the table between the marks: instead of the one of the same fault, or at the end. */
function write(row: Row, by: string): void {
  const path = fileURLToPath(new URL('../docs/reliability.md', import.meta.url))
  const text = readFileSync(path, 'utf8')
  const [begin, end] = ['<!-- soak -->\n', '<!-- /soak -->']
  const [before, after] = [text.indexOf(begin), text.indexOf(end)]
  if (before < 0 || after < before) throw new Error(`${path}: the marks ${begin.trim()} and ${end} are missing`)
  const lines = text
    .slice(before + begin.length, after)
    .trimEnd()
    .split('\n')
  const line = `| ${[row.fault, row.rounds, row.must, row.measured, row.met ? 'met' : '**not met**', `\`${by}\``].join(' | ')} |`
  const at = lines.findIndex(other => other.startsWith(`| ${row.fault} |`))
  if (at < 0) lines.push(line)
  else lines[at] = line
  const machines = lines.findIndex(other => other.startsWith('Measured on '))
  if (machines >= 0) lines[machines] = `Measured on ${machine()}, shared with other work.`
  writeFileSync(path, `${text.slice(0, before + begin.length)}${lines.join('\n')}\n${text.slice(after)}`)
}
