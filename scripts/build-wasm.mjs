// Compiles the decoder (src/otlp/assembly) to src/otlp/decode.wasm. Plain JavaScript: it runs on install, under any Node ≥ 20.
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

const root = fileURLToPath(new URL('..', import.meta.url))
const { error, stderr } = await asc.main(
  [
    'src/otlp/assembly/index.ts',
    ...['--outFile', 'src/otlp/decode.wasm', '--baseDir', root],
    ...['--runtime', 'minimal', '--optimizeLevel', '3', '--shrinkLevel', '0', '--converge', '--noAssert', '--importMemory'],
    ...['--enable', 'simd', '--enable', 'bulk-memory'],
  ],
  {},
)
if (error) {
  process.stderr.write(`${stderr.toString()}build-wasm: ${error.message}\n`)
  process.exitCode = 1
}
