// Compiles src/**/assembly to WebAssembly beside them. Plain JavaScript: it runs on install, under any Node ≥ 20.
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

const root = fileURLToPath(new URL('..', import.meta.url))
const both = ['--optimizeLevel', '3', '--shrinkLevel', '0', '--converge', '--noAssert', '--enable', 'simd', '--enable', 'bulk-memory']
const modules = [
  ['src/otlp/assembly/index.ts', '--outFile', 'src/otlp/decode.wasm', '--runtime', 'minimal', '--importMemory'],
  ['src/store/assembly/index.ts', '--outFile', 'src/store/chunk.wasm', '--runtime', 'stub'],
  ['src/api/prometheus/assembly/index.ts', '--outFile', 'src/api/prometheus/points.wasm', '--runtime', 'stub'],
]
for (const module of modules) {
  const { error, stderr } = await asc.main([...module, '--baseDir', root, ...both], {})
  if (!error) continue
  process.stderr.write(`${stderr.toString()}build-wasm: ${error.message}\n`)
  process.exitCode = 1
}
