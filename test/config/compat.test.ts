import { describe, expect, test } from 'vitest'
import { compared, foundPage, settingsOf, statusOf, steps, wantedPage } from '../../scripts/collector-compat.ts'
import { loadConfiguration } from '../../src/component/config.ts'
import { aliases, components } from '../components.ts'

const all = compared()

/** What the Collector does not have, or has with a listener of its own; its `hostmetrics` is read by a schema of its own. */
const ours = [
  'receivers/self',
  'receivers/derived',
  'receivers/host',
  'receivers/prometheus_remote_write',
  'receivers/journal',
  'exporters/store',
  'extensions/journal',
]

describe.each(all)('$name', ({ name, schema, settings }) => {
  test('is the name of something here', () => expect(schema).toBeDefined())

  test('each line stands once, and there are some, where there is something to set', () => {
    expect(settings.length > 0).toBe(settingsOf(schema!).length > 0)
    expect(settings.filter((setting, i) => settings.indexOf(setting) !== i)).toEqual([])
  })

  test('every setting of the Collector is known', () => {
    expect(settings.filter(setting => statusOf(schema!, setting).is === 'unknown')).toEqual([])
  })

  test('what has no effect and what is refused says why', () => {
    const silent = settings.filter(setting => {
      const status = statusOf(schema!, setting)
      return 'why' in status && (status.why === '' || ('remedy' in status && status.remedy === ''))
    })
    expect(silent).toEqual([])
  })

  test('a setting that is refused keeps a file from running, with its own words', () => {
    const wrong = settings.flatMap(setting => {
      const status = statusOf(schema!, setting)
      if (status.is !== 'refused') return []
      const problems = problemsWith(name, setting)
      const said = problems.some(({ message, remedy }) => message === `not supported: ${status.why}` && remedy === status.remedy)
      return said ? [] : [{ setting, problems }]
    })
    expect(wrong).toEqual([])
  })
})

test('every component has a list, or is only ours', () => {
  const listed = new Set(all.map(({ name }) => name))
  const lacking = components.map(factory => `${factory.kind}s/${factory.type}`).filter(name => !listed.has(name) && !ours.includes(name))
  expect(lacking).toEqual([])
})

test('docs/collector-compat.md is what the lists and the schemas say', () => expect(foundPage(), 'npm run docs').toBe(wantedPage()))

test('a setting that nobody knows is unknown', () => {
  const { schema } = all.find(({ name }) => name === 'receivers/otlp')!
  expect(statusOf(schema!, 'protocols.grpc.max_recv_msg_size')).toEqual({ is: 'unknown' })
  expect(statusOf(schema!, 'protocols.udp')).toEqual({ is: 'unknown' })
  expect(settingsOf(schema!)).not.toContain('protocols.grpc.middlewares')
})

/** What is wrong with a file in which that setting has a value that nothing takes. */
function problemsWith(name: string, setting: string) {
  const value = steps(setting).reduceRight<unknown>((inner, step) => (typeof step === 'number' ? [inner] : { [step]: inner }), 'given')
  const [section = '', type = ''] = name.split('/')
  const config = name === 'service' ? { service: value } : { [section]: { [type]: value } }
  try {
    loadConfiguration([{ name: 'file', text: JSON.stringify(config) }], { env: {}, factories: components, aliases })
    return []
  } catch (error) {
    return (error as { problems?: readonly { message: string; remedy?: string }[] }).problems ?? []
  }
}
