/**
 * Prometheus' relabelling: rules that rewrite, keep or drop a set of labels, one after the other. A label with an empty value is none.
 */
import { createHash } from 'node:crypto'
import { type Anchored, anchored } from './anchored.ts'
import { legacyLabel } from './naming.ts'

export const actions = [
  'replace',
  'keep',
  'drop',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
  'keepequal',
  'dropequal',
] as const
export type Action = (typeof actions)[number]

export interface RelabelRule {
  readonly action: Action
  readonly source_labels?: readonly string[] | undefined
  readonly separator: string
  readonly regex: string
  readonly modulus?: number | undefined
  readonly target_label?: string | undefined
  readonly replacement: string
}
export const defaultRegex = '(.*)'
export const defaultReplacement = '$1'
export const defaultSeparator = ';'

/** @returns what is wrong with a rule, and at which of its settings; undefined where nothing is */
export function ruleProblem(rule: RelabelRule, legacy: boolean): readonly [setting: string, message: string] | undefined {
  const { action, target_label: target = '', regex, replacement, separator, source_labels, modulus } = rule
  const name = (text: string) => (legacy ? legacyLabel.test(text) : text !== '')
  const named = (text: string) => (legacy ? legacyTarget.test(text) : text !== '')
  try {
    anchored(regex)
  } catch (error) {
    return ['regex', `must be a regular expression: ${error instanceof Error ? error.message : String(error)}`]
  }
  const changed = regex !== defaultRegex || replacement !== defaultReplacement || separator !== defaultSeparator || modulus !== undefined
  switch (action) {
    case 'labeldrop':
    case 'labelkeep':
      return source_labels !== undefined ||
        target !== '' ||
        modulus !== undefined ||
        separator !== defaultSeparator ||
        replacement !== defaultReplacement
        ? ['action', `must come with nothing but regex, for ${action}`]
        : undefined
    case 'keepequal':
    case 'dropequal':
      if (!name(target)) return ['target_label', `must be the name of a label, for ${action}`]
      return changed ? ['action', `must come with nothing but source_labels and target_label, for ${action}`] : undefined
    case 'lowercase':
    case 'uppercase':
      if (!name(target)) return ['target_label', `must be the name of a label, for ${action}`]
      return replacement === defaultReplacement ? undefined : ['replacement', `must not be given, for ${action}`]
    case 'hashmod':
      if (modulus === undefined || modulus === 0) return ['modulus', 'must be given, for hashmod']
      return name(target) ? undefined : ['target_label', 'must be the name of a label, for hashmod']
    case 'replace':
      if (target === '') return ['target_label', 'must be the name of a label, for replace']
      return (target.includes('$') ? named(target) : name(target))
        ? undefined
        : ['target_label', 'must be the name of a label, for replace']
    case 'labelmap':
      return named(replacement) ? undefined : ['replacement', 'must make the name of a label, for labelmap']
    default:
      return undefined
  }
}
/** Without UTF-8, with `$1` and `${1}` in it. */
const legacyTarget = /^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+$/

/** Rules that are ready to run. */
export class Relabelling {
  readonly #steps: readonly ((labels: Map<string, string>) => boolean)[]

  constructor(rules: readonly RelabelRule[], legacy = false) {
    this.#steps = rules.map(rule => stepOf(rule, legacy))
  }

  get isEmpty(): boolean {
    return this.#steps.length === 0
  }

  /** Changes `labels`. @returns false where they are dropped */
  apply(labels: Map<string, string>): boolean {
    for (const step of this.#steps) if (!step(labels)) return false
    return true
  }
}

function stepOf(rule: RelabelRule, legacy: boolean): (labels: Map<string, string>) => boolean {
  const { action, separator, replacement } = rule
  const sources = rule.source_labels ?? []
  const target = rule.target_label ?? ''
  const regex = anchored(rule.regex)
  const joined = (labels: Map<string, string>) => sources.map(source => labels.get(source) ?? '').join(separator)
  const always = (change: (labels: Map<string, string>) => void) => (labels: Map<string, string>) => {
    change(labels)
    return true
  }
  switch (action) {
    case 'keep':
      return labels => regex.test(joined(labels))
    case 'drop':
      return labels => !regex.test(joined(labels))
    case 'keepequal':
      return labels => (labels.get(target) ?? '') === joined(labels)
    case 'dropequal':
      return labels => (labels.get(target) ?? '') !== joined(labels)
    case 'replace':
      return always(labels => replace(labels, regex, joined(labels), target, replacement, legacy))
    case 'lowercase':
      return always(labels => set(labels, target, joined(labels).toLowerCase()))
    case 'uppercase':
      return always(labels => set(labels, target, joined(labels).toUpperCase()))
    case 'hashmod':
      return always(labels => set(labels, target, hashMod(joined(labels), rule.modulus!)))
    case 'labelmap':
      return always(labels => {
        for (const [name, value] of [...labels]) {
          const match = regex.exec(name)
          if (match !== undefined) set(labels, expand(replacement, match), value)
        }
      })
    case 'labeldrop':
      return always(labels => {
        for (const name of [...labels.keys()]) if (regex.test(name)) labels.delete(name)
      })
    case 'labelkeep':
      return always(labels => {
        for (const name of [...labels.keys()]) if (!regex.test(name)) labels.delete(name)
      })
  }
}

function replace(labels: Map<string, string>, regex: Anchored, text: string, target: string, replacement: string, legacy: boolean): void {
  const match = regex.exec(text)
  if (match === undefined) return
  const name = expand(target, match)
  if (legacy ? legacyLabel.test(name) : name !== '') set(labels, name, expand(replacement, match))
}

function set(labels: Map<string, string>, name: string, value: string): void {
  if (value === '') labels.delete(name)
  else labels.set(name, value)
}

/** The last eight bytes of the MD5, as Prometheus takes them, so that both agree who scrapes what. */
export function hashMod(text: string, modulus: number): string {
  return String(createHash('md5').update(text).digest().readBigUInt64BE(8) % BigInt(modulus))
}

/** `$1`, `$name`, `${1}`, `${name}` and `$$`; what names no group is empty. As Go's Expand: `$1x` is the group called `1x`. */
export function expand(
  template: string,
  match: readonly (string | undefined)[] & { readonly groups?: Readonly<Record<string, string>> | undefined },
): string {
  if (!template.includes('$')) return template
  return template.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, bare: string | undefined, braced: string | undefined) => {
    const name = bare ?? braced
    if (name === undefined) return whole === '$$' ? '$' : whole
    return (/^\d+$/.test(name) ? match[Number(name)] : match.groups?.[name]) ?? ''
  })
}
