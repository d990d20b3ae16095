import { expect, test } from 'vitest'
import { Re2 } from '../../src/lib/re2.ts'
import { expand } from '../../src/lib/re2-expand.ts'

test.each([
  ['(\\w+):(\\d+)', 'host:80', '$1', 'host'],
  ['(\\w+):(\\d+)', 'host:80', '${2}th', '80th'],
  // the group of the longest name
  ['(\\w+):(\\d+)', 'host:80', '$1x', ''],
  ['(\\w+):(\\d+)', 'host:80', '$1-$2', 'host-80'],
  ['(\\w+):(\\d+)', 'host:80', '$3', ''],
  ['(\\w+):(\\d+)', 'host:80', '$0', 'host:80'],
  ['(\\w+):(\\d+)', 'host:80', '$01', ''],
  ['(\\w+):(\\d+)', 'host:80', '$$1', '$1'],
  ['(\\w+):(\\d+)', 'host:80', 'a$', 'a$'],
  ['(\\w+):(\\d+)', 'host:80', '${1', '${1'],
  ['(\\w+):(\\d+)', 'host:80', '${}', '${}'],
  ['(?P<name>\\w+):(?P<port>\\d+)', 'host:80', '$port on ${name}', '80 on host'],
  ['(a)|(b)', 'b', '[$1][$2]', '[][b]'],
  ['(.*)', 'blüte 🌸', '<$1>', '<blüte 🌸>'],
])('%s on %s as %s', (pattern, text, template, want) => {
  const regex = new Re2(pattern)
  expect(expand(template, regex, text, regex.find(text)!)).toBe(want)
})
