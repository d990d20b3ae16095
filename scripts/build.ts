/** `npm run build`: compiles `src` to `dist`, which is what the package holds: Node does not strip types under node_modules. */
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
rmSync('dist', { recursive: true, force: true })
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)
// What the compiled files read at run time lies beside them, as it does beside the sources.
for (const file of globSync('src/**/*.wasm')) cpSync(file, file.replace(/^src/, 'dist'))
