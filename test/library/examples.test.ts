/** What the pages show is what works: each example is compiled, strictly, and run. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const examples = ['docs/instruments.md', 'docs/library.md', 'docs/embedding.md'].flatMap(page =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code!),
)
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'thalamus-examples-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('there are some', () => expect(examples.length).toBeGreaterThan(10))

test('they compile, run, print nothing, and end', { timeout: 60_000 }, () => {
  const files = examples.map((code, i) => {
    const file = join(folder, `example-${i}.ts`)
    writeFileSync(file, code.replaceAll("'thalamus'", `'${join(root, 'src/index.ts')}'`))
    return file
  })
  const tsconfig = { extends: join(root, 'tsconfig.json'), compilerOptions: { noUnusedLocals: false }, files, include: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  const all = join(folder, 'all.ts')
  writeFileSync(all, files.map(file => `await import('${file}')\n`).join(''))
  const node = (...args: string[]) => execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', stdio: 'pipe', timeout: 50_000 })
  node(join(root, 'node_modules/typescript/bin/tsc'), '-p', folder)
  expect(node(all)).toBe('')
})
