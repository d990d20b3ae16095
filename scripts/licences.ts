/** `npm run docs` writes docs/licences.md: what the package installs, what developing it installs, under which licences. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Locked, lockedPackages, readLockfile } from './lockfile.ts'

export const licencesPath = fileURLToPath(new URL('../docs/licences.md', import.meta.url))

export function licencesPage(packages: readonly Locked[]): string {
  const installed = packages.filter(({ dev }) => !dev)
  const rows = installed.map(({ name, version, license }) => `| ${name} | ${version} | ${license} |`)
  const counts = new Map<string, number>()
  for (const { dev, license } of packages) if (dev) counts.set(license, (counts.get(license) ?? 0) + 1)
  const development = [...counts].toSorted(([, a], [, b]) => b - a).map(([license, count]) => `| ${license} | ${count} |`)
  return `# Licences

Written by \`npm run docs\` from package-lock.json; \`npm run sbom\` prints the same as a CycloneDX bill of materials.

## What \`npm install thalamus\` brings: ${installed.length} packages

| package | version | licence |
|---|---|---|
${rows.join('\n')}

## What only development needs: ${packages.length - installed.length} packages

| licence | packages |
|---|---|
${development.join('\n')}
`
}

if (import.meta.main) writeFileSync(licencesPath, licencesPage(lockedPackages(readLockfile())))
