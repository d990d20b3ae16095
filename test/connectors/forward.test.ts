import { describe, expect, test } from 'vitest'
import forward from '../../src/connectors/forward/index.ts'
import { processorContract, read, surroundings } from '../kit/contract.ts'
import { asProcessor } from './as-processor.ts'

processorContract({ factory: asProcessor(forward) })

describe('forward', () => {
  test('rows that no pipeline of their signal takes are counted', async () => {
    const { cx, ledger } = surroundings('connector', 'forward')
    const component = forward.create.traces!(cx, {}, {})
    const batch = read(cx, 'traces', [1, 2])
    await component.consume(batch)
    expect(() => batch.raw.chunks).toThrow('freed')
    expect(cx.account('traces')).toMatchObject({ accepted: 2, taken: 0 })
    expect(cx.account('traces').dropped.get('no_pipeline')).toBe(2)
    expect(ledger.imbalance).toBe(0)
  })
})
