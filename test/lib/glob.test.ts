import { expect, test } from 'vitest'
import { glob } from '../../src/lib/glob.ts'

const folders: Readonly<Record<string, readonly string[]>> = {
  '.': ['a.yml', 'b.yml', 'c.yaml', 'sub'],
  sub: ['x1.yml', 'x2.yml', 'y.yml', 'x[.yml'],
  '/r': ['d1', 'd2', 'e'],
  '/r/d1': ['f.yml'],
  '/r/d2': ['f.yml', 'g.yml'],
}

test.each<[pattern: string, found: readonly string[]]>([
  ['a.yml', ['a.yml']],
  ['nope.yml', ['nope.yml']],
  ['/r/*/g.yml', ['/r/d2/g.yml']],
  ['/r*', []],
  ['*.yml', ['a.yml', 'b.yml']],
  ['*', ['a.yml', 'b.yml', 'c.yaml', 'sub']],
  ['?.y*l', ['a.yml', 'b.yml', 'c.yaml']],
  ['[ac].*', ['a.yml', 'c.yaml']],
  ['[^ac].*', ['b.yml']],
  ['[b-c].*', ['b.yml', 'c.yaml']],
  ['sub/x*.yml', ['sub/x1.yml', 'sub/x2.yml', 'sub/x[.yml']],
  ['sub/x\\[.yml', ['sub/x[.yml']],
  ['/r/d*/*.yml', ['/r/d1/f.yml', '/r/d2/f.yml', '/r/d2/g.yml']],
  ['/r/d?/g*', ['/r/d2/g.yml']],
  ['/r/d*/f.yml', ['/r/d1/f.yml', '/r/d2/f.yml']],
  ['elsewhere/*.yml', []],
  ['**a*m*l', ['a.yml', 'c.yaml']],
])('%s', async (pattern, found) => expect(await glob(pattern, folder => folders[folder] ?? [])).toEqual(found))
