import { hashSync } from 'bcryptjs'
import { describe, expect, test } from 'vitest'
import type { Authenticator, Component } from '../../src/component/component.ts'
import { RetryableError } from '../../src/component/errors.ts'
import basic from '../../src/extensions/basicauth/index.ts'
import bearer from '../../src/extensions/bearertokenauth/index.ts'
import { type TestContext, testContext } from '../kit/context.ts'
import { paperworkContract } from '../kit/contract.ts'

paperworkContract(bearer, { token: 'x' })
paperworkContract(basic)

const files = new Map<string, string>()
function contextOf(id: string): TestContext {
  const read = (path: string) => {
    const text = files.get(path)
    return text === undefined ? Promise.reject(Object.assign(new Error(path), { code: 'ENOENT' })) : Promise.resolve(Buffer.from(text))
  }
  return testContext({ id, files: { read } })
}
async function started(factory: typeof bearer, settings: object, cx = contextOf(factory.type)): Promise<Component & Authenticator> {
  const made = factory.create(cx, factory.config.parse(settings)) as Component & Authenticator
  await made.start?.()
  return made
}
const opens = (authenticator: Authenticator, headers: Record<string, string>): boolean => {
  try {
    authenticator.check(headers)
    return true
  } catch (error) {
    expect((error as Error).name).toBe('UnauthenticatedError')
    expect((error as Error).message).not.toMatch(/s3cret|guess/)
    return false
  }
}

describe('bearertokenauth', () => {
  test.each<[object, Record<string, string>, boolean]>([
    [{ token: 's3cret' }, { authorization: 'Bearer s3cret' }, true],
    [{ token: 's3cret' }, { authorization: 'bearer s3cret' }, true],
    [{ token: 's3cret' }, { authorization: 'Bearer guess' }, false],
    [{ token: 's3cret' }, { authorization: 'Bearer s3cret2' }, false],
    [{ token: 's3cret' }, { authorization: 's3cret' }, false],
    [{ token: 's3cret' }, { authorization: 'Basic s3cret' }, false],
    [{ token: 's3cret' }, {}, false],
    [{ tokens: ['a', 's3cret'] }, { authorization: 'Bearer s3cret' }, true],
    [{ token: 's3cret', scheme: '' }, { authorization: 's3cret' }, true],
    [{ token: 's3cret', scheme: '' }, { authorization: 'Bearer s3cret' }, false],
    [{ token: 's3cret', scheme: '', header: 'X-Api-Key' }, { 'x-api-key': 's3cret' }, true],
    [{ token: 's3cret', scheme: '', header: 'X-Api-Key' }, { authorization: 's3cret' }, false],
  ])('%j lets %j in: %s', async (settings, headers, expected) => {
    expect(opens(await started(bearer, settings), headers)).toBe(expected)
  })

  test('what goes out would come in', async () => {
    for (const settings of [{ token: 'a' }, { tokens: ['a', 'b'] }, { token: 'a', scheme: '', header: 'X-Key' }]) {
      const auth = await started(bearer, settings)
      expect(opens(auth, auth.headers())).toBe(true)
    }
  })

  test('a file is read again; one that is gone for a while changes nothing', async () => {
    files.set('tokens', 'old # the first\n\n  older \n')
    const cx = contextOf('bearertokenauth')
    const auth = await started(bearer, { token: 'beside a file', filename: 'tokens' }, cx)
    expect(auth.headers()).toEqual({ authorization: 'Bearer old' })
    expect(opens(auth, { authorization: 'Bearer older' })).toBe(true)
    files.delete('tokens')
    await cx.clock.advance(30_000)
    expect(opens(auth, { authorization: 'Bearer older' })).toBe(true)
    expect(cx.lines.map(({ message }) => message)).toEqual(['the tokens could not be read again, the old ones stay'])
    files.set('tokens', 'new')
    await cx.clock.advance(30_000)
    expect([opens(auth, { authorization: 'Bearer older' }), opens(auth, { authorization: 'Bearer new' })]).toEqual([false, true])
    await auth.shutdown?.(AbortSignal.abort())
    expect(cx.clock.pending).toBe(0)
  })

  test.each<[object, string]>([
    [{}, 'extensions.bearertokenauth: needs exactly one of "token", "tokens" and "filename", got 0'],
    [{ token: 'a', tokens: ['b'] }, 'extensions.bearertokenauth: needs exactly one of "token", "tokens" and "filename", got 2'],
    [{ filename: 'gone' }, 'extensions.bearertokenauth.filename: cannot read "gone": ENOENT'],
    [{ filename: 'empty' }, 'extensions.bearertokenauth.filename: "empty" has no token'],
  ])('%j does not start', async (settings, message) => {
    files.set('empty', '\n')
    await expect(started(bearer, settings)).rejects.toThrow(message)
  })
})

describe('basicauth', () => {
  const header = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` })
  const inline = '# people\nlab:s3cret\nclinic:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\ncolon:a:b\n'

  test.each<[Record<string, string>, boolean]>([
    [header('lab:s3cret'), true],
    [{ authorization: header('lab:s3cret').authorization.replace('Basic', 'basic') }, true],
    [header('lab:guess'), false],
    [header('lab:'), false],
    [header('lab'), false],
    [header('nobody:s3cret'), false],
    [header(':nobody has this password'), false],
    [header('clinic:password'), true],
    [header('clinic:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='), false],
    [header('colon:a:b'), true],
    [{ authorization: 'Bearer s3cret' }, false],
    [{ authorization: 'Basic' }, false],
    [{}, false],
  ])('%j: %s', async (headers, expected) => {
    const auth = await started(basic, { htpasswd: { inline } })
    expect([opens(auth, headers), opens(auth, headers)]).toEqual([expected, expected])
  })

  test('a salted hash', async () => {
    const { createHash } = await import('node:crypto')
    const secret = Buffer.concat([createHash('sha1').update('s3cretsalt').digest(), Buffer.from('salt')]).toString('base64')
    const auth = await started(basic, { htpasswd: { inline: `salted:{SSHA}${secret}` } })
    expect([opens(auth, header('salted:s3cret')), opens(auth, header('salted:guess'))]).toEqual([true, false])
  })

  describe('bcrypt', () => {
    // Apache's htpasswd -B writes $2y$.
    const inline = `slow:${hashSync('s3cret', 4).replace('$2b$', '$2y$')}`

    test('lets in who has the password, and only those', async () => {
      const auth = await started(basic, { htpasswd: { inline } })
      expect(['slow:s3cret', 'slow:guess', 'nobody:s3cret'].map(pair => opens(auth, header(pair)))).toEqual([true, false, false])
    })

    test('who is known costs nothing; of those who are new so many are tried in a second', async () => {
      const cx = contextOf('basicauth')
      const auth = await started(basic, { htpasswd: { inline } }, cx)
      expect(opens(auth, header('slow:s3cret'))).toBe(true)
      for (let i = 0; i < 7; i++) expect(opens(auth, header(`slow:${i}`))).toBe(false)
      expect(() => auth.check(header('slow:guess'))).toThrow(RetryableError)
      expect(opens(auth, header('slow:s3cret'))).toBe(true)
      await cx.clock.advance(1000)
      expect(opens(auth, header('slow:guess'))).toBe(false)
    })
  })

  test('going out with what files say, which are read again', async () => {
    files.set('name', 'me\n')
    files.set('password', 's3cret\n')
    const cx = contextOf('basicauth')
    const auth = await started(basic, { client_auth: { username: 'x', username_file: 'name', password_file: 'password' } }, cx)
    expect(auth.headers()).toEqual(header('me:s3cret'))
    files.set('password', 'new')
    await cx.clock.advance(30_000)
    expect(auth.headers()).toEqual(header('me:new'))
    files.delete('password')
    await cx.clock.advance(30_000)
    expect(auth.headers()).toEqual(header('me:new'))
    await auth.shutdown?.(AbortSignal.abort())
    expect(cx.clock.pending).toBe(0)
  })

  test('a file, and what is inline wins', async () => {
    files.set('htpasswd', 'lab:old\nfile:s3cret\n')
    const auth = await started(basic, { htpasswd: { file: 'htpasswd', inline: 'lab:s3cret' } })
    expect(['lab:s3cret', 'lab:old', 'file:s3cret'].map(pair => opens(auth, header(pair)))).toEqual([true, false, true])
  })

  test('going out', async () => {
    const auth = await started(basic, { client_auth: { username: 'me', password: 's3cret' } })
    expect(auth.headers()).toEqual(header('me:s3cret'))
    expect(opens(auth, header('me:s3cret'))).toBe(false)
  })

  test.each<[object, string]>([
    [{}, 'extensions.basicauth: needs "htpasswd" to let senders in, or "client_auth" to go out, got neither'],
    [{ htpasswd: {} }, 'extensions.basicauth.htpasswd: needs "inline" or "file", got neither'],
    [{ htpasswd: { file: 'gone' } }, 'extensions.basicauth.htpasswd.file: cannot read "gone": ENOENT'],
    [{ htpasswd: { inline: 'lab' } }, 'extensions.basicauth.htpasswd.inline: line 1: must be "user:password"'],
    [
      { htpasswd: { inline: '\nlab:$2y$05$abc' } },
      'line 2: passwords hashed with MD5 or crypt are not supported, and bcrypt has 60 characters',
    ],
    [{ htpasswd: { inline: 'lab:$apr1$salt$hash' } }, 'line 1: passwords hashed with MD5 or crypt are not supported'],
    [{ client_auth: { password_file: 'gone' } }, 'extensions.basicauth.client_auth.password_file: cannot read "gone": ENOENT'],
    [{ htpasswd: { inline: 'lab:{SHA}abc' } }, 'line 1: must be 20 bytes or more in base64 after {SHA} or {SSHA}, got 2'],
  ])('%j does not start', async (settings, message) => {
    await expect(started(basic, settings)).rejects.toThrow(message)
  })
})
