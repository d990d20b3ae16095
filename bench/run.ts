/** `npm run bench -- NAME [options]` runs bench/NAME.bench.ts. */
import { existsSync } from 'node:fs'
import { installAll } from '../test/peers/tools.ts'

const [name = 'ingest', ...args] = process.argv.slice(2)
const file = new URL(`./${name}.bench.ts`, import.meta.url)
if (!existsSync(file)) {
  console.error(`no benchmark is called ${JSON.stringify(name)}`)
  process.exit(1)
}
installAll(line => console.error(`bench: ${line}`))
const { bench } = (await import(file.href)) as { bench: (args: readonly string[]) => Promise<void> }
await bench(args)
