/** The library, as somebody's process uses it: with a component of their own. */
import { expect, test } from 'vitest'
import { z } from 'zod'
import { type AnyFactory, ConfigFileError, exporter, Raw, receiver, start } from '../src/index.ts'
import { testContext } from './kit/context.ts'
import { rowIds, rowsBody } from './kit/rows.ts'

const quiet = { world: { log: () => testContext().log } }

function ownComponents() {
  const got: number[] = []
  let emit: (ids: number[]) => Promise<void> = () => Promise.reject(new Error('not started'))
  const mine: AnyFactory[] = [
    receiver({
      type: 'mine',
      stability: 'development',
      config: z.strictObject({}),
      signals: ['logs'],
      create: (cx, _, next) => {
        emit = ids => next.logs!.consume(cx.reader.read('logs', Raw.of(rowsBody('logs', ids))))
        return {}
      },
    }),
    exporter({
      type: 'keep',
      stability: 'development',
      config: z.strictObject({}),
      create: {
        logs: () => {
          const leaf = { release() {}, freed: () => Promise.resolve() }
          return { reserve: (bytes, room) => room.admit(leaf, bytes), consume: async batch => void got.push(...rowIds(batch)) }
        },
      },
    }),
  ]
  return { got, mine, emit: (ids: number[]) => emit(ids) }
}
const config = `
receivers: { mine: }
exporters: { keep: }
service:
  api: { enabled: false }
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [mine], exporters: [keep] } }`

test('a pipeline of own components runs, and stops at the end of the scope', async () => {
  const { got, mine, emit } = ownComponents()
  {
    await using app = await start({ config, components: mine, ...quiet })
    expect(app.status().ready).toBe(true)
    await emit([1, 2, 3])
    expect(got).toEqual([1, 2, 3])
  }
})

test('a wrong configuration says everything at once, and nothing has started', async () => {
  const { mine } = ownComponents()
  const error = await start({ config: config.replace('exporters: [keep]', 'exporters: [kep]'), components: mine, ...quiet }).catch(e => e)
  expect(error).toBeInstanceOf(ConfigFileError)
  expect(error.message).toContain('did you mean "keep"?')
})

test('environment variables are read only from what is given', async () => {
  const { mine } = ownComponents()
  const withVariable = config.replace('keep:', 'keep: "${env:KEEP_SETTINGS}"')
  await expect(start({ config: withVariable, components: mine, ...quiet })).rejects.toThrow('KEEP_SETTINGS')
})
