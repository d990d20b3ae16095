import { quote } from '../../lib/go-text.ts'
import type { Labels } from '../../model/labels.ts'

/** As Prometheus writes label sets in messages: `{__name__="up", job="x"}`. */
export const showLabels = (labels: Labels): string =>
  `{${[...labels].map(([name, value]) => `${labelName(name)}=${quote(value)}`).join(', ')}}`

const labelName = (name: string): string => (/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : quote(name))
