/** What the journal is told of alerts, over several processes. */
import { expect, test } from 'vitest'
import { Labels } from '../../src/model/labels.ts'
import { journalled } from '../../src/rules/journalled.ts'
import { settled } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { openJournal } from '../store/journal/opened.ts'

const minute = 60_000
const began = 1_700_000_000_000

/** `12 pending` in minutes since the start of the process. A group of every minute, `for` is two. */
type Step = `${number} ${'inactive' | 'pending' | 'firing'}`

test.each<[what: string, processes: readonly (readonly Step[])[], told: readonly string[]]>([
  [
    'one process',
    [['1 pending', '3 firing', '9 inactive', '10 pending']],
    ['inactive pending', 'pending firing', 'firing inactive', 'inactive pending'],
  ],
  [
    'it goes on',
    [
      ['1 pending', '3 firing'],
      ['1 pending', '3 firing', '30 inactive'],
    ],
    ['inactive pending', 'pending firing', 'firing inactive'],
  ],
  ['it goes on without being pending', [['1 firing'], ['1 firing'], ['1 firing', '9 inactive']], ['inactive firing', 'firing inactive']],
  ['it was pending, and fires', [['1 pending'], ['1 pending', '3 firing']], ['inactive pending', 'pending firing']],
  ['it was pending, and is over', [['1 pending'], ['1 pending', '2 inactive']], ['inactive pending', 'pending inactive']],
  ['it is seen, and over before it fires again', [['1 firing'], ['1 pending', '2 inactive']], ['inactive firing', 'firing inactive']],
  [
    'and comes back',
    [['1 firing'], ['1 pending', '2 inactive', '3 pending', '5 firing']],
    ['inactive firing', 'firing inactive', 'inactive pending', 'pending firing'],
  ],
  ['it was over', [['1 firing', '2 inactive'], ['1 firing']], ['inactive firing', 'firing inactive', 'inactive firing']],
  [
    'it comes long after the restart',
    [['1 firing'], ['30 pending', '32 firing']],
    ['inactive firing', 'inactive pending', 'pending firing'],
  ],
  [
    'twice in one process after a restart',
    [['1 firing'], ['1 firing', '2 inactive', '3 firing']],
    ['inactive firing', 'firing inactive', 'inactive firing'],
  ],
  ['more than a week ago', [['1 firing'], [], [], ['1 firing']], ['inactive firing', 'inactive firing']],
])('%s', async (_, processes, told) => {
  let disk = new MemoryDisk()
  const entries: string[] = []
  for (const [n, steps] of processes.entries()) {
    // A process lives for three days.
    const startedAt = began + n * 72 * 60 * minute
    const { journal } = await openJournal(disk)
    const { log, lines } = testContext()
    const changed = journalled(() => journal, log, startedAt)
    let from: 'inactive' | 'pending' | 'firing' = 'inactive'
    for (const step of steps) {
      const [after, to] = step.split(' ') as [string, typeof from]
      const time = startedAt + Number(after) * minute
      const labels = Labels.of([
        ['alertname', 'A'],
        ['path', '/a/b'],
      ])
      const alert = { state: 'pending', labels, annotations: new Map(), value: 1, activeAt: time } as const
      const group = { file: '/etc/r.yml', definition: { name: 'g' }, interval: minute }
      changed(group as never, { definition: { alert: 'A', for: 2 * minute } } as never, { alert, from, to }, time)
      from = to
    }
    await settled(20)
    expect(lines).toEqual([])
    if (n === processes.length - 1) for await (const { data } of journal.replay(['alert'], 1)) entries.push(`${data.from} ${data.to}`)
    await journal.close()
    disk = disk.after('kill')
  }
  expect(entries).toEqual(told)
})
