import { expect, test } from 'vitest'
import { acceptsGzip, type Format, negotiate } from '../../src/exposition/negotiate.ts'

const all: ReadonlySet<Format> = new Set(['text', 'openmetrics', 'protobuf'])
const text = (escaping = 'underscores') => `text/plain; version=0.0.4; charset=utf-8; escaping=${escaping}`
const open = (escaping = 'underscores', version = '1.0.0') =>
  `application/openmetrics-text; version=${version}; charset=utf-8; escaping=${escaping}`
const proto = (escaping = 'underscores') =>
  `application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=${escaping}`
const delimited = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'

test.each([
  [undefined, text()],
  ['', text()],
  ['*/*', text()],
  ['text/*', text()],
  ['application/json', text()],
  ['text/plain', text()],
  ['text/plain;version=0.0.4;escaping=allow-utf-8', text('allow-utf-8')],
  ['text/plain;version=1.0.0;escaping=dots', text('dots')],
  ['text/plain; version="0.0.4"; escaping="values"', text('values')],
  ['text/plain;escaping=nonsense', text()],
  ['application/openmetrics-text', open('underscores', '0.0.1')],
  ['application/openmetrics-text;version=0.0.1', open('underscores', '0.0.1')],
  ['application/openmetrics-text; version=1.0.0; charset=utf-8', open()],
  ['application/openmetrics-text;version=2.0.0', text()],
  ['APPLICATION/OpenMetrics-Text;VERSION=1.0.0', open()],
  [delimited, proto()],
  [`${delimited};escaping=allow-utf-8`, proto('allow-utf-8')],
  [delimited.replace('delimited', 'text'), text()],
  ['application/vnd.google.protobuf', text()],
  // the order says nothing where q does
  ['text/plain;q=0.5,application/openmetrics-text;version=1.0.0;q=0.6', open()],
  ['application/openmetrics-text;version=1.0.0;q=0.4,text/plain;q=0.5', text()],
  ['application/openmetrics-text;version=1.0.0;q=0,text/plain;q=0.5', text()],
  ['application/openmetrics-text;version=1.0.0,text/plain', open()],
  ['text/plain,application/openmetrics-text;version=1.0.0', text()],
  // what Prometheus 3 sends
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    open('allow-utf-8'),
  ],
  [`${delimited};q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.2`, proto()],
  // broken ones
  [',;,=;q=x', text()],
  [';;;', text()],
])('Accept: %s', (accept, want) => expect(negotiate(accept, all).contentType).toBe(want))

test('what is not offered is not chosen', () => {
  expect(negotiate(`${delimited},application/openmetrics-text;version=1.0.0;q=0.5`, new Set(['text'])).contentType).toBe(text())
})

test.each([
  [undefined, false],
  ['', false],
  ['gzip', true],
  ['deflate, gzip;q=0.5', true],
  ['gzip;q=0', false],
  ['*', true],
  ['identity', false],
])('Accept-Encoding %s: gzip %s', (header, want) => expect(acceptsGzip(header)).toBe(want))
