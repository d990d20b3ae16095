/**
 * What W3C's `tracestate` says about sampling, in OpenTelemetry's member `ot` (OTEP 235): `ot=th:c;rv:9b8233f7e3a151`.
 * `th` is the rejection threshold and `rv` the randomness, both 56 bits in hexadecimal; a row is kept where randomness >= threshold.
 * A threshold may leave out its trailing zeros. Here a 56-bit number is a text of 14 lower-case digits: such texts compare as the numbers do.
 */

type Pairs = readonly (readonly [key: string, value: string])[]

export interface TraceState {
  /** `rv` as it was written, '' where there is none */
  readonly randomness: string
  /** `th` as it was written, '' where there is none */
  readonly threshold: string
  /** what else is in the member `ot` */
  readonly ot: Pairs
  /** the other members */
  readonly others: Pairs
}

const digits = 14
/** 2^56: how many values randomness has */
export const FULL = 2n ** 56n
/** The threshold that keeps everything. */
export const ALWAYS = '0'.repeat(digits)
/** Greater than any randomness: the threshold that keeps nothing. */
export const NEVER = 'g'

const empty: TraceState = { randomness: '', threshold: '', ot: [], others: [] }
const longest = { text: 1024, ot: 256, key: 256, tenant: 241, system: 14, members: 32 }
const key = /^(?:[a-z][a-z0-9_*/-]*|[a-z0-9][a-z0-9_*/-]*@[a-z][a-z0-9_*/-]*)$/
const value = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/
const otKey = /^[a-z][a-z0-9]*$/
const otValue = /^[a-zA-Z0-9._-]*$/

/** @returns undefined where the text breaks the grammar or the limits of the W3C or of OpenTelemetry: it says nothing then. */
export function parseTraceState(text: string): TraceState | undefined {
  if (text === '') return empty
  if (text.length > longest.text) return undefined
  const members = text.split(',').map(member => member.replace(/^[ \t]+|[ \t]+$/g, ''))
  // The last of members may be an empty one, which the Collector does not count.
  if (members.at(-1) === '') members.pop()
  if (members.length >= longest.members) return undefined
  let ot: Pick<TraceState, 'randomness' | 'threshold' | 'ot'> = empty
  const others: [string, string][] = []
  for (const member of members) {
    if (member === '') continue
    const at = member.indexOf('=')
    const name = member.slice(0, Math.max(0, at))
    const content = member.slice(at + 1)
    if (at < 1 || !isKey(name) || !value.test(content)) return undefined
    if (name !== 'ot') others.push([name, content])
    else {
      const parsed = parseOt(content)
      if (parsed === undefined) return undefined
      ot = parsed
    }
  }
  return { randomness: ot.randomness, threshold: ot.threshold, ot: ot.ot, others }
}

function isKey(text: string): boolean {
  if (text.length > longest.key || !key.test(text)) return false
  const at = text.indexOf('@')
  return at < 0 || (at <= longest.tenant && text.length - at - 1 <= longest.system)
}

function parseOt(text: string): Pick<TraceState, 'randomness' | 'threshold' | 'ot'> | undefined {
  if (text.length > longest.ot) return undefined
  let randomness = ''
  let threshold = ''
  const rest: [string, string][] = []
  for (const member of text.split(';')) {
    const at = member.indexOf(':')
    if (at < 1 || !otKey.test(member.slice(0, at)) || !otValue.test(member.slice(at + 1))) return undefined
    const [name, content] = [member.slice(0, at), member.slice(at + 1)]
    if (name === 'rv') randomness = content
    else if (name === 'th') threshold = content
    else rest.push([name, content])
    if (name === 'rv' && toRandomness(content) === undefined) return undefined
    if (name === 'th' && toThreshold(content) === undefined) return undefined
  }
  return { randomness, threshold, ot: rest }
}

/** OpenTelemetry's member comes first, randomness before threshold; '' where nothing is left to say. */
export function showTraceState({ randomness, threshold, ot, others }: TraceState): string {
  const own = [...(randomness === '' ? [] : [['rv', randomness]]), ...(threshold === '' ? [] : [['th', threshold]]), ...ot]
  const members = others.map(([name, content]) => `${name}=${content}`)
  if (own.length > 0) members.unshift(`ot=${own.map(([name, content]) => `${name}:${content}`).join(';')}`)
  return members.join(',')
}

/** 14 hexadecimal digits, as in `rv`; undefined where `text` is none. */
export function toRandomness(text: string): string | undefined {
  return /^[0-9a-fA-F]{14}$/.test(text) ? text.toLowerCase() : undefined
}

/** 1 to 14 hexadecimal digits, as in `th`, filled up with zeros; undefined where `text` is none. */
export function toThreshold(text: string): string | undefined {
  return /^[0-9a-fA-F]{1,14}$/.test(text) ? text.toLowerCase().padEnd(digits, '0') : undefined
}

/** As `th` has it: without trailing zeros; '' for NEVER, which cannot be said. */
export function showThreshold(threshold: string): string {
  if (threshold === NEVER) return ''
  return threshold === ALWAYS ? '0' : threshold.replace(/0+$/, '')
}

/** ratio, 2^-56..1 */
export const leastProbability = 2 ** -56

/** ratio: how much of the data a threshold keeps */
export const probabilityOf = (threshold: string): number => Number(FULL - BigInt(`0x${threshold}`)) / 2 ** 56

/**
 * The threshold that keeps `probability` of the data, said with `precision` hexadecimal digits and one more for every leading 0 or f, so that
 * the relative error stays the same near 0 and near 1.
 * @param probability ratio, 0..1
 * @returns undefined where the probability is less than 2^-56 or more than 1
 */
export function thresholdOf(probability: number, precision: number): string | undefined {
  if (!(probability >= leastProbability && probability <= 1)) return undefined
  if (probability === 1) return ALWAYS
  const leading = (x: number) => Math.trunc(-exponentOf(x) / 4)
  const exact = Math.min(digits, Math.max(precision + leading(probability), precision + leading(1 - probability)))
  let threshold = FULL - BigInt(Math.round(probability * 2 ** 56))
  const shift = BigInt(4 * (digits - exact))
  if (shift > 0n) threshold = ((threshold + (1n << (shift - 1n))) >> shift) << shift
  return threshold >= FULL ? NEVER : threshold.toString(16).padStart(digits, '0')
}

/** `x` = f · 2^e with 0.5 <= f < 1; for normal positive `x`, and 0 → 0. */
function exponentOf(x: number): number {
  if (x === 0) return 0
  view.setFloat64(0, x)
  return ((view.getUint16(0) >> 4) & 0x7ff) - 1022
}
const view = new DataView(new ArrayBuffer(8))

/**
 * How many rows one row stands for that was kept past `threshold`: 2^56 / (2^56 - threshold), an integer. What lies between two integers is
 * rounded by chance, so that sums over many rows are right.
 * @param random 0 <= x < 1
 */
export function adjustedCount(threshold: string, random: () => number): number {
  const rest = FULL - BigInt(`0x${threshold}`)
  if (rest <= 0n) return 1
  const remainder = FULL % rest
  return Number(FULL / rest) + (remainder > 0n && random() < Number(remainder) / Number(rest) ? 1 : 0)
}
