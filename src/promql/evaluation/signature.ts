import type { Labels } from '../../model/labels.ts'
import type { VectorMatching } from '../ast.ts'

/** Texts that are equal where two series match, or belong to one group. */
export type Signature = (labels: Labels) => string

/** Of the labels called so. */
export function signatureOf(names: readonly string[]): Signature {
  const sorted = [...new Set(names)].sort()
  if (sorted.length === 0) return () => ''
  return labels => {
    let signature = ''
    for (const name of sorted) {
      const value = labels.get(name)
      signature += `${value.length}:${value}`
    }
    return signature
  }
}

/** Of all but the labels called so. */
export function signatureWithout(names: readonly string[]): Signature {
  const left = new Set(names)
  return labels => {
    const { pairs } = labels
    let signature = ''
    for (let i = 0; i < pairs.length; i += 2) {
      const name = pairs[i]!
      if (left.has(name)) continue
      const value = pairs[i + 1]!
      signature += `${name.length}:${name}${value.length}:${value}`
    }
    return signature
  }
}

/** Of `on(labels)` or `ignoring(labels)`, which ignores the name as well. */
export const matchSignature = (matching: Pick<VectorMatching, 'on' | 'labels'>): Signature =>
  matching.on ? signatureOf(matching.labels) : signatureWithout(['__name__', ...matching.labels])

/** The labels that matched. */
export function matchLabels(matching: Pick<VectorMatching, 'on' | 'labels'>): (labels: Labels) => Labels {
  const names = new Set(matching.on ? matching.labels : ['__name__', ...matching.labels])
  return matching.on ? labels => labels.keep(names) : labels => labels.without(names)
}
