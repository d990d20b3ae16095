/** What comes with the package is pinned, checked, allowed, and listed. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { licencesPage, licencesPath } from '../scripts/licences.ts'
import { lockedPackages, readLockfile } from '../scripts/lockfile.ts'
import { sbom } from '../scripts/sbom.ts'

const packages = lockedPackages(readLockfile())
const installed = packages.filter(({ dev }) => !dev)
const permissive = new Set(['Apache-2.0', 'MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'MIT OR Apache-2.0'])
/** File by file copyleft: fine for a tool, not for what others install. */
const forDevelopment = new Set([...permissive, 'MPL-2.0'])

test('every package is pinned to its bytes', () => {
  expect(packages.filter(({ integrity }) => !/^sha512-/.test(integrity)).map(({ path }) => path)).toEqual([])
})

test('every dependency is asked for in one version', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const ranges = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+$/.test(version as string),
  )
  expect(ranges).toEqual([])
})

test('every licence is one that we may pass on', () => {
  expect(installed.filter(({ license }) => !permissive.has(license))).toEqual([])
  expect(packages.filter(({ license }) => !forDevelopment.has(license))).toEqual([])
})

/** Comes with the SDK's gRPC exporters; its script prints a warning at the most, and nothing is missing where it is not run. */
const needless = new Set(['protobufjs'])

test('nothing that is installed needs to run a script of its own', () => {
  const lock = readLockfile().packages as Record<string, { hasInstallScript?: boolean }>
  expect(installed.filter(({ name, path }) => lock[path]?.hasInstallScript && !needless.has(name)).map(({ name }) => name)).toEqual([])
})

test('docs/licences.md is what `npm run docs` writes', () => {
  expect(readFileSync(licencesPath, 'utf8')).toBe(licencesPage(packages))
})

test('the bill of materials names what is installed, and nothing else', () => {
  const { components, metadata } = JSON.parse(sbom()) as {
    components: { name: string; version: string; hashes?: unknown[]; licenses?: unknown[] }[]
    metadata: { component: { name: string } }
  }
  expect(metadata.component.name).toBe('thalamus')
  expect(components.map(({ name, version }) => `${name}@${version}`).toSorted()).toEqual(
    installed.map(({ name, version }) => `${name}@${version}`).toSorted(),
  )
  expect(components.filter(({ hashes, licenses }) => !hashes?.length || !licenses?.length).map(({ name }) => name)).toEqual([])
})
