import { expect, test } from 'vitest'
import { z } from 'zod'
import { pages, readme, settingsTable } from '../../scripts/readme-tables.ts'
import { settingsJsonSchema } from '../../src/component/config.ts'
import { bytes, duration, endpoint } from '../../src/component/settings.ts'

test.each(pages)('$path: has the table that the schema gives', page => {
  const { found, wanted } = readme(page)
  expect(wanted, 'the README, or its <!-- settings --> markers, are missing').toBeDefined()
  expect(found, 'npm run docs').toBe(wanted)
})

test.each(pages)('$path: every setting says what it does', ({ schema }) => {
  const silent = settingsTable(settingsJsonSchema(schema))
    .split('\n')
    .filter(line => line.endsWith('|  |'))
  expect(silent).toEqual([])
})

test('a table has types, defaults and what is inside', () => {
  const schema = z.strictObject({
    endpoint: endpoint().prefault('127.0.0.1:1').describe('Where.'),
    timeout: duration().prefault('5s').describe('How | long.'),
    size: bytes().optional().describe('How large.'),
    token: z.string().describe('A secret.'),
    mode: z.enum(['a', 'b']).default('a').describe('Which.'),
    labels: z.record(z.string(), z.string()).default({}).describe('Labels.'),
    names: z.array(z.string()).default([]).describe('Names.'),
    compression: z
      .union([z.literal('gzip'), z.boolean()])
      .default(false)
      .describe('Smaller.'),
    queue: z
      .strictObject({ size: z.number().default(3).describe('Rows.') })
      .prefault({})
      .describe('Waits.'),
    rules: z
      .array(z.strictObject({ when: z.string().describe('A query.') }))
      .optional()
      .describe('Rules.'),
  })
  expect(settingsTable(settingsJsonSchema(schema))).toBe(
    [
      '| setting | type | default | |',
      '|---|---|---|---|',
      '| `endpoint` | endpoint | `127.0.0.1:1` | Where. |',
      '| `timeout` | duration | `5s` | How \\| long. |',
      '| `size` | bytes |  | How large. |',
      '| `token` | string | **required** | A secret. |',
      '| `mode` | `a`, `b` | `a` | Which. |',
      '| `labels` | map of string |  | Labels. |',
      '| `names` | list of string | `[]` | Names. |',
      '| `compression` | `gzip` or boolean | `false` | Smaller. |',
      '| `queue` | map |  | Waits. |',
      '| `queue.size` | number | `3` | Rows. |',
      '| `rules` | list of map |  | Rules. |',
      '| `rules[].when` | string | **required** | A query. |',
    ].join('\n'),
  )
})

test('nothing to set is said', () => expect(settingsTable(settingsJsonSchema(z.strictObject({})))).toBe('There is nothing to set.'))
