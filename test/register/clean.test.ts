import { expect, test } from 'vitest'
import { cleanAttributes, cleanStatement, cleanUrl } from '../../src/register/clean.ts'

test.each<[string, string]>([
  ["select * from a where b = 'x''y' and c = 12 and d = $1", 'select * from a where b = ? and c = ? and d = $1'],
  ["insert into t2 values (-1.5e3, 0xFF, E'a\\'b', null)", 'insert into t2 values (-?, ?, E?, null)'],
  ['select "a1" from t where x in (1,2,3)', 'select "a1" from t where x in (?,?,?)'],
  ["select $tag$it's$tag$, $$x$$", 'select ?, ?'],
  ["never 'closed", 'never ?'],
  ['select col_1, t1.c2 from t1 limit ?', 'select col_1, t1.c2 from t1 limit ?'],
])('%s', (from, to) => expect(cleanStatement(from)).toBe(to))

test('a long statement is cut, and takes no longer than it must', () => {
  expect(cleanStatement(`select '${'$a$'.repeat(50_000)}`).length).toBeLessThan(8200)
})

test.each<[string, string]>([
  ['https://user:pass@host/a?b=1#c', 'https://REDACTED:REDACTED@host/a?b=1#c'],
  [
    'http://h/?access_token=abc&q=token&api_key=1&Signature=z#x',
    'http://h/?access_token=REDACTED&q=token&api_key=REDACTED&Signature=REDACTED#x',
  ],
  ['http://h/a@b', 'http://h/a@b'],
])('%s', (from, to) => expect(cleanUrl(from)).toBe(to))

test('what instrumentations have written is cleaned by its kind', () => {
  const attributes = { 'db.system.name': 'mysql', 'db.query.text': 'select "secret" from a', 'url.query': 'password=x' }
  cleanAttributes(attributes)
  expect(attributes).toEqual({ 'db.system.name': 'mysql', 'db.query.text': 'select ? from a', 'url.query': 'password=REDACTED' })
  const redis = { 'db.system': 'redis', 'db.statement': 'get 12' }
  cleanAttributes(redis)
  expect(redis['db.statement']).toBe('get 12')
})
