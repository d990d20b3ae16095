import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { journalApi } from '../../src/api/journal/index.ts'
import { OfferedJournals } from '../../src/component/journals.ts'
import { testContext } from '../kit/context.ts'
import { day, mode, openJournal } from '../store/journal/opened.ts'

/** Entries 1 to 40, of which every fourth is an approval, one a day. */
async function serve({ journal: kept = true } = {}) {
  const { journal, clock } = await openJournal(undefined, { retentionMs: 100 * day })
  const begun = clock.now()
  for (let i = 1; i <= 40; i++) {
    if (i % 4 === 0)
      await journal.append({ kind: 'approval', data: { action: `${i}`, target: 'db', decision: 'approved', by: 'ana' } }, `k${i}`)
    else await journal.append(mode(`${i}`), `k${i}`)
    await clock.advance(day)
  }
  const journals = new OfferedJournals()
  if (kept) journals.offer('journal', journal)
  const handlers = journalApi({ log: testContext().log, journals })
  const server = createServer((request, response) => handlers[0]![1](request, response))
  server.listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const get = async (query: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/journal?${query}`, { method })
    const text = await response.text()
    return { status: response.status, more: response.headers.get('x-thalamus-more'), body: text.startsWith('{') ? JSON.parse(text) : text }
  }
  const ids = async (query: string) => {
    const { body, more } = await get(query)
    return [body.data.entries.map(({ id }: { id: number }) => id), more !== null]
  }
  /** [s] when that entry was written */
  const at = (id: number) => begun / 1000 + (id - 1) * 86_400
  return { get, ids, at, begun }
}
const range = (from: number, to: number, step = 1) => Array.from({ length: (to - from) / step + 1 }, (_, i) => from + i * step)

test('entries are whole, in order, and each has its line', async () => {
  const { get, begun } = await serve()
  const { status, body } = await get('from=4&limit=1')
  expect([status, body]).toEqual([
    200,
    {
      status: 'success',
      data: {
        first: 1,
        last: 40,
        entries: [
          {
            ...{ id: 4, time: begun + 3 * day, kind: 'approval', version: 1, key: 'k4' },
            data: { action: '4', target: 'db', decision: 'approved', by: 'ana' },
            text: 'approval 4 db approved by ana',
          },
        ],
      },
    },
  ])
})

test('the newest, those from an id on, those of a time, those of some kinds', async () => {
  const { ids, at } = await serve()
  expect(await ids('')).toEqual([range(1, 40), false])
  expect(await ids('limit=3')).toEqual([[38, 39, 40], true])
  expect(await ids('limit=2&kinds=approval')).toEqual([[36, 40], true])
  expect(await ids('kinds=approval,mode&limit=40')).toEqual([range(1, 40), false])
  expect(await ids('kinds=approval&limit=10')).toEqual([range(4, 40, 4), false])
  expect(await ids('kinds=alert')).toEqual([[], false])
  expect(await ids('from=38')).toEqual([[38, 39, 40], false])
  expect(await ids('from=5&limit=2&kinds=mode')).toEqual([[5, 6], true])
  expect(await ids('from=41')).toEqual([[], false])
  expect(await ids(`start=${at(3)}&end=${at(5)}`)).toEqual([[3, 4, 5], false])
  expect(await ids(`start=${at(3)}&end=${at(8)}&limit=2`)).toEqual([[7, 8], true])
  expect(await ids(`from=4&start=${at(6)}&limit=2`)).toEqual([[6, 7], true])
  expect(await ids(`end=${at(2)}&limit=1`)).toEqual([[2], true])
})

test.each([
  ['kind=alert', 'invalid parameter "kind": not known; known: kinds, from, start, end, limit'],
  [
    'kinds=alert,omen',
    'invalid parameter "kinds": must be of alert, notice, silence, acknowledgement, incident, cause, action, approval, model, mode, got "omen"',
  ],
  ['from=-1', 'invalid parameter "from": must be the id of an entry, got "-1"'],
  ['limit=5001', 'invalid parameter "limit": must be at most 5000, got 5001'],
  ['start=2&end=1', 'invalid parameter "end": end timestamp must not be before start time'],
  ['start=x', 'invalid parameter "start": invalid time value for \'start\': cannot parse "x" to a valid timestamp'],
])('%s', async (query, error) => {
  const { get } = await serve()
  expect(await get(query)).toMatchObject({ status: 400, body: { status: 'error', errorType: 'bad_data', error } })
})

test('another method; no journal', async () => {
  expect(await (await serve()).get('', 'POST')).toMatchObject({ status: 405 })
  expect(await (await serve({ journal: false })).get('')).toMatchObject({
    status: 503,
    body: { errorType: 'unavailable', error: 'there is no journal here: no extension of the type journal runs' },
  })
})
