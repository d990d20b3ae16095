import { expect, test } from 'vitest'
import { entryKinds, type NewEntry } from '../../src/model/journal.ts'
import { printEntry } from '../../src/model/journal-text.ts'

const lines: readonly (readonly [NewEntry, string])[] = [
  [
    {
      kind: 'alert',
      data: {
        alert: 'CartBurn',
        labels: { alertname: 'CartBurn', service: 'cart', az: '1' },
        from: 'inactive',
        to: 'pending',
        value: 14.9,
        activeAt: 0,
      },
    },
    'alert CartBurn{az="1",service="cart"} inactive -> pending 14.9',
  ],
  [
    { kind: 'notice', data: { receiver: 'webhook', outcome: 'failed', reason: 'refused', group: {}, firing: 1, resolved: 0, attempt: 2 } },
    'notice webhook failed refused 1 firing 0 resolved attempt 2',
  ],
  [
    {
      kind: 'silence',
      data: { silence: 'S-1', change: 'created', matchers: ['a="b"'], startsAt: 0, endsAt: 1, by: 'ana', comment: 'deploy' },
    },
    'silence S-1 created {a="b"} by ana deploy',
  ],
  [{ kind: 'acknowledgement', data: { incident: 'INC-1', by: 'ana' } }, 'acknowledgement INC-1 acknowledged by ana'],
  [{ kind: 'incident', data: { incident: 'INC-1', change: 'opened', title: 'CartBurn' } }, 'incident INC-1 opened CartBurn'],
  [
    { kind: 'cause', data: { incident: 'INC-1', cause: 'payment', score: 0.814, evidence: ['duration_p99 shift', 'upstream of cart'] } },
    'cause INC-1 payment 0.81 duration_p99 shift, upstream of cart',
  ],
  [
    {
      kind: 'action',
      data: { incident: 'INC-1', action: 'restart', target: 'payment', change: 'refused', reason: 'not approved', dryRun: true },
    },
    'action INC-1 refused: not approved restart payment (dry run)',
  ],
  [
    { kind: 'approval', data: { action: 'restart', target: 'payment', decision: 'denied', by: 'ana', comment: 'not now' } },
    'approval restart payment denied by ana not now',
  ],
  [{ kind: 'model', data: { model: 'seasonal/cart', change: 'reset', reason: 'drift' } }, 'model seasonal/cart reset drift'],
  [{ kind: 'mode', data: { subject: 'breaker payment', from: 'closed', to: 'open' } }, 'mode breaker payment closed -> open'],
]

test.each(lines)('%j', (entry, line) => {
  expect(printEntry({ id: 1, time: 0, version: 1, key: 'k', ...entry } as never)).toBe(line)
})
test('every kind has its line', () => expect(new Set(lines.map(([{ kind }]) => kind))).toEqual(new Set(entryKinds)))
