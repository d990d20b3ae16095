/** A table of samples (CSV), taken in row by row, in bounded memory. */
import { ExpositionError } from '../exposition/read.ts'
import { Labels } from '../model/labels.ts'
import { MAX_LINE } from './lines.ts'
import type { Filler } from './store-filler.ts'

/** [lines] after so many what was handed over is waited for */
const settleEvery = 20_000

/**
 * CSV with a line of names: `time` and `value` (or `timestamp`), `__name__` or `metric`, and every other column is a label.
 * @param parseTime seconds or RFC 3339 → epoch ms @throws {ExpositionError} with the line
 */
export async function readCsv(
  pieces: AsyncIterable<Buffer>,
  filler: Filler,
  parseTime: (text: string) => number | undefined,
): Promise<void> {
  const lines = rows(pieces)
  const first = await lines.next()
  if (first.done === true) return
  const header = first.value.cells
  const place = (...names: string[]) => header.findIndex(name => names.includes(name.trim()))
  const [time, value, metric] = [place('time', 'timestamp'), place('value'), place('__name__', 'metric')]
  if (time < 0 || value < 0 || metric < 0) throw new ExpositionError('the first line must name the columns time, value and metric', 1)
  for await (const { cells, line } of lines) {
    if (cells.length === 1 && cells[0] === '') continue
    const at = parseTime(cells[time] ?? '')
    const number = numberOf(cells[value] ?? '')
    if (at === undefined) throw new ExpositionError(`not a time: ${JSON.stringify(cells[time])}`, line)
    if (number === undefined) throw new ExpositionError(`not a number: ${JSON.stringify(cells[value])}`, line)
    const labels = header.flatMap((name, i): [string, string][] =>
      i === time || i === value ? [] : [[i === metric ? '__name__' : name.trim(), cells[i] ?? '']],
    )
    const handle = filler.handle(JSON.stringify(labels), () => Labels.of(labels))
    filler.number(handle, Math.round(at), number)
    if (line % settleEvery === 0) await filler.settled()
  }
}

function numberOf(text: string): number | undefined {
  const plain = text.trim()
  if (/^[+-]?Inf$/.test(plain)) return plain.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (plain === 'NaN') return Number.NaN
  const value = Number(plain)
  return plain === '' || Number.isNaN(value) ? undefined : value
}

interface CsvRow {
  readonly cells: string[]
  readonly line: number
}

/** Of a file in pieces of whole lines: a quotation may go on in the next. */
async function* rows(pieces: AsyncIterable<Buffer>): AsyncGenerator<CsvRow, void> {
  let rest = ''
  let line = 1
  for await (const piece of pieces) {
    const reading = rowsOf(rest + piece.toString('utf8'), line)
    for (let row = reading.next(); ; row = reading.next()) {
      if (row.done === true) {
        ;({ rest, line } = row.value)
        break
      }
      yield row.value
    }
    if (rest.length > MAX_LINE) break
  }
  if (rest !== '') throw new ExpositionError('a quotation does not end', line)
}

/** RFC 4180: commas, quotes doubled within quotes, line breaks within quotes. @returns what is left where a quotation does not end */
function* rowsOf(text: string, line: number): Generator<CsvRow, { rest: string; line: number }> {
  let cells: string[] = []
  let begun = line
  let from = 0
  for (let at = 0; at < text.length; ) {
    let cell = ''
    if (text[at] === '"') {
      let end = text.indexOf('"', at + 1)
      while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2)
      if (end < 0) return { rest: text.slice(from), line: begun }
      cell = text.slice(at + 1, end).replaceAll('""', '"')
      line += cell.split('\n').length - 1
      at = end + 1
    } else {
      const end = /[,\r\n]/g
      end.lastIndex = at
      const to = end.exec(text)?.index ?? text.length
      cell = text.slice(at, to)
      at = to
    }
    cells.push(cell)
    if (text[at] === ',') {
      at++
      if (at === text.length) cells.push('')
      continue
    }
    if (text[at] === '\r') at++
    if (text[at] === '\n') at++
    yield { cells, line: begun }
    cells = []
    begun = ++line
    from = at
  }
  return { rest: '', line }
}
