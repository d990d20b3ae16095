/** A configuration as a program has it that runs one in its own process. */

export interface Texts {
  /** YAML, in the Collector's shape; several are merged in order. Without it: what `thalamus` runs without a file. */
  readonly config?: string | readonly string[]
  /** `key.path=value`, merged last */
  readonly set?: readonly string[]
  /** for `${env:NAME}`; nothing of the process's environment is read unless it is given here */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** Nothing else of what may stand beside them: they are sent between threads. */
export function textsOf({ config, set, env }: Texts): Texts {
  return { ...(config !== undefined && { config }), ...(set !== undefined && { set }), ...(env !== undefined && { env }) }
}

/** Named so that a mistake says where it is. */
export function sourcesOf(config: Texts['config'], otherwise: string): { readonly name: string; readonly text: string }[] {
  const texts = config === undefined ? [otherwise] : [config].flat()
  return texts.map((text, i) => ({ name: texts.length === 1 ? 'config' : `config[${i}]`, text }))
}
