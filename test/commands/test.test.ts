import { describe, expect, test } from 'vitest'
import { TestOutside } from './outside.ts'

const script = `load 1m
  up{job="a"} 1 2 3

eval instant at 1m up
  up{job="a"} 2
`

function run(files: Record<string, string>, ...argv: string[]) {
  const outside = new TestOutside()
  Object.assign(outside.files, files)
  return outside.thalamus('test', ...argv)
}

describe('thalamus test', () => {
  test('says how many evaluations passed', async () => {
    expect(await run({ 'a.test': script, 'b.test': `${script}\n${script.slice(script.indexOf('eval'))}` }, 'a.test', 'b.test')).toEqual({
      code: 0,
      out: '3 passed, 0 failed\n',
      err: '',
    })
  })

  test('a line for each that failed, with its place', async () => {
    const wrong = `${script.replace('} 2', '} 5')}\n\neval instant at 1m sum(up{})\n  {} 1 1\n\neval instant at 1m sum(up))\n`
    expect(await run({ 'a.test': script, 'dir/b.test': wrong }, 'a.test', 'dir/b.test')).toEqual({
      code: 1,
      out: [
        'dir/b.test:4: up{job="a"}: expected 5, got 2',
        'dir/b.test:9: expected one value, got 2; expect range vector from … to … step … before it allows more',
        "dir/b.test:11: parse error: unexpected right parenthesis ')' at column 28",
        '1 passed, 3 failed\n',
      ].join('\n'),
      err: '',
    })
  })

  test('files that cannot be read are told, and the others are run', async () => {
    expect(await run({ 'a.test': script }, 'none.test', 'dir/', 'a.test')).toEqual({
      code: 1,
      out: '1 passed, 0 failed\n',
      err: 'none.test: there is no such file\ndir/: this is a folder\n',
    })
  })

  test.each<[name: string, text: string, out: string]>([
    ['an empty file', '', '0 passed, 0 failed\n'],
    ['a byte order mark and CRLF', `\uFEFF${script.replaceAll('\n', '\r\n')}`, '1 passed, 0 failed\n'],
    ['a file of bytes', '\u0000\u0001\u0002', 'x.test:1: expected clear, load or eval, got "\\u0000\\u0001\\u0002"\n0 passed, 1 failed\n'],
  ])('%s', async (_, text, out) => expect(await run({ 'x.test': text }, 'x.test')).toMatchObject({ out, err: '' }))

  test('--level says how much is asked of an instant query', async () => {
    // The step of an instant query is none, and a range has one.
    const text = 'load 1m\n  a 1\n\neval instant at 6m count_over_time(a[step() + 1])\n\neval instant at 1m a\n a 1\n'
    for (const level of ['1', '2', '3']) expect((await run({ 'a.test': text }, '--level', level, 'a.test')).code).toBe(0)
  })
})
