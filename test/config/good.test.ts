import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { AnyFactory } from '../../src/component/component.ts'
import type { LoadedConfiguration } from '../../src/component/config.ts'
import type { Configured } from '../../src/component/configuration.ts'
import { corpus, loadCase, outcome } from './corpus.ts'
import { factories } from './factories.ts'

const files = corpus('good/*.yaml')

test.each(files)('$name: reads as its golden file says', file => {
  expect(outcome(file, factories)).toEqual({ errors: '', warnings: file.warnings })
  const read = `${JSON.stringify(plain(loadCase(file, factories)), null, 2)}\n`
  const golden = file.path.replace(/\.yaml$/, '.golden.json')
  const before = existsSync(golden) ? readFileSync(golden, 'utf8') : ''
  if (process.env['UPDATE'] === '1') writeFileSync(golden, read)
  expect(read).toBe(before)
})

/** What was read, without the code of the factories. */
function plain({ receivers, processors, connectors, exporters, extensions, service }: LoadedConfiguration): object {
  const settings = (map: ReadonlyMap<string, Configured<AnyFactory>>) =>
    Object.fromEntries([...map].map(([id, configured]) => [id, { type: configured.factory.type, settings: configured.settings }]))
  return {
    receivers: settings(receivers),
    processors: settings(processors),
    connectors: settings(connectors),
    exporters: settings(exporters),
    extensions: settings(extensions),
    service,
  }
}
