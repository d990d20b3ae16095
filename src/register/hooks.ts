/**
 * How ES modules come to be instrumented. The order matters: by now the SDK is loaded and untouched; then the built-ins that an
 * instrumentation wants are patched, and their named exports brought up to date; and only then are modules hooked, and of those only the
 * ones that an instrumentation asked for: wrapping every module breaks some, and costs a second of start-up.
 */
import * as module from 'node:module'
import { pathToFileURL } from 'node:url'
import type { Instrumentation } from '@opentelemetry/instrumentation'

export type Hooking = 'synchronous' | 'asynchronous' | 'none'

export interface Hooked {
  readonly instrumentation: Instrumentation
  /** path or URL of a module that imports the same `import-in-the-middle`: of several copies each hears only its own */
  readonly from: string
}

export async function hookModules(hooked: readonly Hooked[]): Promise<Hooking> {
  const require = module.createRequire(import.meta.url)
  for (const name of hooked.flatMap(modulesOf)) if (module.isBuiltin(name)) require(name)
  module.syncBuiltinESMExports()
  const copies = Map.groupBy(hooked, ({ from }) => module.createRequire(from).resolve('import-in-the-middle/register-hooks.mjs'))
  let how: Hooking = 'none'
  for (const [copy, users] of copies) {
    const include = [...new Set(users.flatMap(modulesOf))].filter(name => !module.isBuiltin(name))
    if (include.length === 0) continue
    const { register, supportsSyncHooks } = (await import(pathToFileURL(copy).href)) as Hooks
    if (supportsSyncHooks()) {
      register({ include })
      how = 'synchronous'
    } else if (how === 'none' && typeof module.register === 'function') {
      // Older than 22.22.3 and 24.11.1: the loader of a thread of its own, slower to start, with the same list. It is there once; of
      // several copies the first one's, which is that of the community's instrumentations.
      module.register(new URL('./hook.mjs', pathToFileURL(copy)), { data: { include } })
      how = 'asynchronous'
    }
  }
  return how
}

interface Hooks {
  register(options: { include: string[] }): void
  supportsSyncHooks(): boolean
}

/** As it was set up; asking for the definitions would set them up again. */
const modulesOf = ({ instrumentation }: Hooked): string[] =>
  (instrumentation as { _modules?: { name: string }[] })._modules?.map(({ name }) => name) ?? []
