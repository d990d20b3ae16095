/**
 * `npm run peers`: installs the real servers and clients that Thalamus is tested against, then runs the tests that use them.
 * `npm run peers -- --install` stops after the first half; any other argument goes to vitest.
 */
import { spawnSync } from 'node:child_process'
import { installAll } from '../test/peers/tools.ts'

const args = process.argv.slice(2)
try {
  installAll(line => console.error(`peers: ${line}`))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
if (!args.includes('--install')) {
  const { status } = spawnSync('vitest', ['run', '--config', 'test/peers/vitest.config.ts', ...args], { stdio: 'inherit' })
  process.exitCode = status ?? 1
}
