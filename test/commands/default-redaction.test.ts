/** What `npm start` masks, and what it leaves: the patterns of the default configuration, asked one text after the other. */
import { describe, expect, test } from 'vitest'
import { defaultConfiguration, defaultName } from '../../src/commands/default.ts'
import { loadConfiguration } from '../../src/component/config.ts'
import type { Settings } from '../../src/processors/redaction/index.ts'
import { Rules } from '../../src/processors/redaction/rules.ts'
import { components } from '../components.ts'

const { processors } = loadConfiguration([{ name: defaultName, text: defaultConfiguration }], { env: {}, factories: components })
const rules = new Rules(processors.get('redaction')!.settings as Settings)

describe('masks', () => {
  test.each([
    ['postgres://shop:hunter2@db.example/orders', 'postgres:****db.example/orders'],
    ['https://:x@h/', 'https:****h/'],
    ['https://api.example/v1?id=7&token=abc&x=1', 'https://api.example/v1?id=7****&x=1'],
    ['/cb?code=ab12&state=x', '/cb****&state=x'],
    ['/files/a?X-Amz-Credential=AK/2026&X-Amz-Signature=ffee', '/files/a********'],
    ['GET /?api_key=1 HTTP/1.1', 'GET /**** HTTP/1.1'],
    ['Authorization: Bearer abcdef0123456789', 'Authorization: ****'],
    ['basic dXNlcjpwYXNzd29yZA==', '****'],
    ['Server=db;User Id=sa;Password=hunter2;Timeout=3', 'Server=db;User Id=sa****;Timeout=3'],
    ['password: "a b" and more', '**** and more'],
    ["CREATE USER 'a' IDENTIFIED BY 'hunter2'", "CREATE USER 'a' ****"],
    ["ALTER ROLE a WITH PASSWORD 'hunter2'", 'ALTER ROLE a WITH ****'],
    ["UPDATE users SET password = 'hunter2' WHERE id = 1", 'UPDATE users SET **** WHERE id = 1'],
    ['eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl', '****'],
    ['key AKIAIOSFODNN7EXAMPLE found', 'key **** found'],
    ['-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n', '****\n'],
  ])('%s', (text, masked) => expect(rules.masked(text)).toBe(masked))

  test.each([
    'http.request.header.authorization',
    'http.request.header.cookie',
    'http.response.header.set-cookie',
    'db.password',
    'Authorization',
    'x-api-key',
    'aws.client_secret',
  ])('the value of %s', key => expect(rules.fate(key, 'x')).toBe('masked'))
})

describe('leaves', () => {
  test.each([
    'https://shop.example/cart?id=7&page=2',
    'SELECT id, password FROM users WHERE name = ?',
    'basic auth failed',
    'mailto:ana@example.com',
    '10.0.0.1:8080',
    'keyboard=1&monkey=2',
    'tokens: 512',
    'the password is wrong',
  ])('%s', text => expect(rules.masked(text)).toBe(text))
  test.each(['service.name', 'token.count', 'http.route', 'secretary', 'gen_ai.usage.input_tokens', 'db.query.text', 'session.id'])(
    'the value of %s',
    key => expect(rules.fate(key, 'x')).toBe('stays'),
  )
})
