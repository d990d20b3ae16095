/** What must not leave the process in a span: values in statements, credentials in addresses. */
import type { Attributes } from '@opentelemetry/api'

/** [characters] of a statement that are looked at; the rest is cut off */
const maxStatement = 8192

const literals =
  /'(?:[^'\\]|''|\\.)*(?:'|$)|\$([A-Za-z_]\w*)?\$.*?(?:\$\1\$|$)|(?<![\w$.@])(?:0x[\da-f]+|\d+(?:\.\d*)?(?:e[+-]?\d+)?)(?!\w)/gis
/** MySQL's and MariaDB's double quotes hold texts, everybody else's hold names. */
const quoted = /"(?:[^"\\]|""|\\.)*(?:"|$)/g

/** `select * from a where b = 'x' and c = 1` becomes `select * from a where b = ? and c = ?`; placeholders stay. */
export function cleanStatement(statement: string, doubleQuotesToo = false): string {
  const cut = statement.length > maxStatement ? statement.slice(0, maxStatement) : statement
  const clean = cut.replaceAll(literals, '?')
  return doubleQuotesToo ? clean.replaceAll(quoted, '?') : clean
}

const secret =
  /^(?:(?:access_?|refresh_?|id_?|auth_?|csrf_?|xsrf_?)?token|(?:api|access|private)[_-]?key|key|password|passwd|pwd|secret|client_secret|code|signature|sig|credential|awsaccesskeyid|x-(?:amz|goog)-(?:signature|credential|security-token)|session(?:id)?|jwt|authorization|auth)$/i
const masked = 'REDACTED'

/** Of `a=1&token=x` the values of what looks like a secret; the question mark is the caller's. */
export function cleanQuery(query: string): string {
  if (query === '') return query
  return query
    .split('&')
    .map(pair => {
      const at = pair.indexOf('=')
      return at > 0 && secret.test(pair.slice(0, at)) ? `${pair.slice(0, at)}=${masked}` : pair
    })
    .join('&')
}

export function cleanUrl(url: string): string {
  const anonymous = url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, `$1${masked}:${masked}@`)
  const at = anonymous.indexOf('?')
  if (at < 0) return anonymous
  const end = anonymous.indexOf('#', at)
  const query = anonymous.slice(at + 1, end < 0 ? undefined : end)
  return `${anonymous.slice(0, at + 1)}${cleanQuery(query)}${end < 0 ? '' : anonymous.slice(end)}`
}

/** In place, of a span that has ended. What others have instrumented is cleaned as well. */
export function cleanAttributes(attributes: Attributes): void {
  cleanStatementAt(attributes, 'db.query.text')
  cleanStatementAt(attributes, 'db.statement')
  cleanTextAt(attributes, 'url.full', cleanUrl)
  cleanTextAt(attributes, 'http.url', cleanUrl)
  cleanTextAt(attributes, 'http.target', cleanUrl)
  cleanTextAt(attributes, 'url.query', cleanQuery)
}

function cleanTextAt(attributes: Attributes, name: string, clean: (text: string) => string): void {
  const text = attributes[name]
  if (typeof text === 'string') attributes[name] = clean(text)
}

function cleanStatementAt(attributes: Attributes, name: string): void {
  const text = attributes[name]
  if (typeof text !== 'string') return
  const system = attributes['db.system.name'] ?? attributes['db.system']
  // Of what is no SQL, the instrumentation leaves the values out itself.
  if (system === 'redis' || system === 'mongodb' || system === 'memcached') return
  attributes[name] = cleanStatement(text, system === 'mysql' || system === 'mariadb')
}
