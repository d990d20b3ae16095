/** What must not be printed: an error message ends in logs, tickets and screens. */
import type { Located, Path } from './located.ts'

const secretKey = /token|passw|secret|authorization|credential|api_?key|private_key|key_pem|htpasswd|cookie/i

/** A key on the way says that this is a secret, or a header, which often is one. Ids of components say nothing: `bearertokenauth`. */
export function isSecretPath(path: Path): boolean {
  const settings = path.slice(2)
  // `bearertokenauth: hunter2`, where a map was wanted
  if (path[0] === 'extensions' && path.length === 2) return true
  return settings.some((step, i) => {
    if (typeof step !== 'string') return false
    if (secretKey.test(step)) return true
    if (step === 'headers' || step === 'http_headers') return i < settings.length - 1
    // Prometheus' word for what is `key_pem` elsewhere.
    return step === 'key' && settings[i - 1] === 'tls_config'
  })
}

/** [characters] of a value in a message */
const maxShown = 80

/** `got …` of a message: the value as JSON, a word for a map or a list, `(hidden)` for what may be a secret. */
export function showValue(located: Located, path: Path): string {
  if (located.is === 'map') return 'a map'
  if (located.is === 'list') return 'a list'
  if (located.value === null) return 'nothing'
  if (located.hidden === true || isSecretPath(path)) return '(hidden)'
  // NaN and infinity have no JSON.
  const text = typeof located.value === 'number' ? String(located.value) : JSON.stringify(withoutUser(located.value))
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text
}

/** A URL may carry a password. */
const withoutUser = <V>(value: V): V | string => (typeof value === 'string' ? value.replaceAll(/\/\/[^/@\s]+@/g, '//(hidden)@') : value)

/** The plain value of a tree whose secrets say `(hidden)`; a substitution such as `${env:TOKEN}` is no secret. */
export function withoutSecrets(located: Located, path: Path): unknown {
  if (located.is === 'list') return located.items.map((item, i) => withoutSecrets(item, [...path, i]))
  if (located.is === 'map')
    return Object.fromEntries([...located.entries].map(([key, { value }]) => [key, withoutSecrets(value, [...path, key])]))
  if (located.value === null || !isSecretPath(path)) return withoutUser(located.value)
  return typeof located.value === 'string' && /^\$\{[^}]*\}$/.test(located.value) ? located.value : '(hidden)'
}
