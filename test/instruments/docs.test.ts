import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { instrumentsPage, instrumentsPath } from '../../scripts/instrument-tables.ts'

const page = readFileSync(instrumentsPath, 'utf8')

test('docs/instruments.md has the tables that the definitions give: npm run docs', () => expect(instrumentsPage(page)).toBe(page))

test('a table has what a definition says', () => {
  expect(page).toContain(
    "| `device.clockDrift` | `neural.device.clock.drift`<br>How much faster the device's clock is, in millionths. | gauge, `{ppm}` | `stream.id` | `neural_device_clock_drift` |",
  )
})

describe('the examples', () => {
  const root = join(import.meta.dirname, '../..')
  const examples = [...page.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code!)
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'thalamus-examples-'))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('there are some', () => expect(examples.length).toBeGreaterThan(5))
  test('compile and run', { timeout: 60_000 }, () => {
    const files = examples.map((code, i) => {
      const file = join(folder, `example-${i}.ts`)
      writeFileSync(file, code.replaceAll("'thalamus'", `'${join(root, 'src/index.ts')}'`))
      return file
    })
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions: { noUnusedLocals: false }, files }),
    )
    const tool = (...args: string[]) => execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', stdio: 'pipe' })
    tool(join(root, 'node_modules/typescript/bin/tsc'), '-p', folder)
    const all = join(folder, 'all.ts')
    writeFileSync(all, files.map(file => `await import('${file}')\n`).join(''))
    expect(tool(all)).toBe('')
  })
})
