/** Which format and which escaping of names a scraper asks for, by its Accept header, as Prometheus' own library reads it. */
export type Format = 'text' | 'openmetrics' | 'protobuf'

/** How names that are not plain letters, digits and underscores are written. */
export const escapings = ['allow-utf-8', 'underscores', 'dots', 'values'] as const
export type Escaping = (typeof escapings)[number]

export interface Choice {
  readonly format: Format
  readonly escaping: Escaping
  readonly contentType: string
}

const protobuf = 'application/vnd.google.protobuf'
const openMetrics = 'application/openmetrics-text'

/** The best of what both sides speak; classic text where nothing fits. `formats`: what we offer beside classic text. */
export function negotiate(accept: string | undefined, formats: ReadonlySet<Format>): Choice {
  for (const { type, parameters } of ranges(accept ?? '')) {
    const escaping = escapings.find(known => known === parameters.get('escaping')) ?? 'underscores'
    const version = parameters.get('version')
    if (type === protobuf && formats.has('protobuf') && isDelimited(parameters)) {
      const message = 'proto=io.prometheus.client.MetricFamily; encoding=delimited'
      return { format: 'protobuf', escaping, contentType: `${protobuf}; ${message}; escaping=${escaping}` }
    }
    if (type === openMetrics && formats.has('openmetrics') && (version === undefined || version === '1.0.0' || version === '0.0.1')) {
      const shown = version === '1.0.0' ? '1.0.0' : '0.0.1'
      return { format: 'openmetrics', escaping, contentType: `${openMetrics}; version=${shown}; charset=utf-8; escaping=${escaping}` }
    }
    if (type === 'text/plain' && (version === undefined || version === '0.0.4' || version === '1.0.0')) return text(escaping)
    if (type === '*/*' || type === 'text/*') return text(escaping)
  }
  return text('underscores')
}

const text = (escaping: Escaping): Choice => ({
  format: 'text',
  escaping,
  contentType: `text/plain; version=0.0.4; charset=utf-8; escaping=${escaping}`,
})

const isDelimited = (parameters: ReadonlyMap<string, string>): boolean =>
  parameters.get('proto') === 'io.prometheus.client.MetricFamily' && parameters.get('encoding') === 'delimited'

/** Does `Accept-Encoding` let us compress? */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  return ranges(Array.isArray(header) ? header.join() : (header ?? '')).some(({ type }) => type === 'gzip' || type === '*')
}

interface Range {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
}

/** The ranges of an Accept header, the most wanted first; equals in their order; those with q=0 not at all. */
function ranges(header: string): Range[] {
  const found = header.split(',').map(part => {
    const [type = '', ...rest] = part.split(';').map(text => text.trim())
    const parameters = new Map(
      rest.map(text => {
        const at = text.indexOf('=')
        return [text.slice(0, at).toLowerCase(), text.slice(at + 1).replace(/^"(.*)"$/, '$1')] as const
      }),
    )
    const q = Number(parameters.get('q') ?? 1)
    return { type: type.toLowerCase(), parameters, q: Number.isNaN(q) ? 0 : q }
  })
  return found.filter(({ type, q }) => type !== '' && q > 0).sort((a, b) => b.q - a.q)
}
