import { expect, test } from 'vitest'
import { OfferedStores } from '../../src/component/queries.ts'
import type { Store } from '../../src/model/query.ts'

const store = (): Store => ({}) as Store

test('who asks without a name gets the one that came first; with a name, that one', () => {
  const queries = new OfferedStores()
  const [a, b] = [store(), store()]
  expect(queries.get()).toBeUndefined()
  queries.offer('store', a)
  queries.offer('store/2', b)
  expect(queries.ids).toEqual(['store', 'store/2'])
  expect([queries.get(), queries.get('store'), queries.get('store/2'), queries.get('store/3')]).toEqual([a, a, b, undefined])
})

test('a successor answers from the moment it offers itself, and goes on when its predecessor is gone', () => {
  const queries = new OfferedStores()
  const [before, after] = [store(), store()]
  const old = queries.offer('store', before)
  const young = queries.offer('store', after)
  expect(queries.get('store')).toBe(after)
  old[Symbol.dispose]()
  old[Symbol.dispose]()
  expect(queries.get('store')).toBe(after)
  young[Symbol.dispose]()
  expect(queries.get('store')).toBeUndefined()
  expect(queries.ids).toEqual([])
})
