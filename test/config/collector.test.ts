/** The files of Collector users that `test/peers/collector-files.test.ts` runs through the real Collector load here; wrong ones say why. */
import { describe, expect, test } from 'vitest'
import { ConfigFileError, loadConfiguration } from '../../src/component/config.ts'
import { aliases, components } from '../components.ts'
import { corpus, header } from './corpus.ts'

function load({ name, text }: { name: string; text: string }) {
  const files = new Map(header(text, 'file').map(line => line.split(' | ') as [string, string]))
  const env = { FOLDER: '/folder', BACKEND_HTTP: 'http://backend:4318', OTLP_HTTP_ENDPOINT: '127.0.0.1:4318' }
  const readFile = (path: string) => files.get(path.replace('/folder/', ''))!
  return loadConfiguration([{ name: name.replace(/^.*\//, ''), text }], { env, readFile, factories: components, aliases })
}

const files = corpus('collector/*.yaml')
const wrong = files.filter(({ name }) => name.endsWith('.bad.yaml'))
const right = files.filter(file => !wrong.includes(file))

test('there are some', () => {
  expect(right.length).toBeGreaterThan(5)
  expect(wrong.length).toBeGreaterThan(5)
})

describe('right', () => {
  test.each(right)('$name loads, and all that is said is that words are older', file => {
    expect(load(file).warnings.filter(({ aside }) => !aside)).toEqual([])
  })
})

describe('wrong', () => {
  test.each(wrong)('$name says what is wrong', file => {
    const told = () => {
      try {
        load(file)
        return []
      } catch (error) {
        if (!(error instanceof ConfigFileError)) throw error
        return error.message.split('\n').filter(line => !line.startsWith('  '))
      }
    }
    expect(told()).toEqual(header(file.text, 'error'))
  })
})
