import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { commands } from '../../src/commands/index.ts'
import { StartError } from '../../src/component/errors.ts'
import { misuses } from './misuses.ts'
import { TestOutside } from './outside.ts'

const good = `receivers: { otlp: { protocols: { http: } } }
exporters: { prometheus: }
service: { pipelines: { metrics: { receivers: [otlp], exporters: [prometheus] } } }
`

describe('what is asked for in the wrong words', () => {
  test.each(misuses)('%j', async (argv, err) => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = good
    expect(await outside.thalamus(...argv)).toEqual({ code: 1, out: '', err })
    expect(outside.started).toEqual([])
  })
})

describe('help and version', () => {
  test.each(['help', '--help', '-h'])('%s names every command and every flag of run', async word => {
    const { code, out } = await new TestOutside().thalamus(word)
    expect(code).toBe(0)
    for (const { name } of commands) expect(out).toContain(`  ${name}`)
    for (const flag of Object.keys(commands[0]!.flags)) expect(out).toContain(`--${flag}`)
  })
  test.each(commands.map(({ name }) => name))('%s --help', async name => {
    const { code, out } = await new TestOutside().thalamus(name, '--help')
    expect(code).toBe(0)
    expect(out).toContain(`usage: thalamus ${name}`)
  })
  test.each(['version', '--version', '-v'])('%s', async word => {
    expect(await new TestOutside().thalamus(word)).toEqual({ code: 0, out: 'thalamus 1.2.3\n', err: '' })
  })
})

describe('check metrics', () => {
  const check = (page: string, ...flags: string[]) => {
    const outside = new TestOutside()
    outside.files['-'] = page
    return outside.thalamus('check', 'metrics', ...flags)
  }
  test('has nothing to say about a page that is right', async () => {
    expect(await check('# HELP a_total x\n# TYPE a_total counter\na_total 1\n')).toEqual({ code: 0, out: '', err: '' })
    expect(await check('# TYPE a counter\na_total 1\n# EOF\n', '--openmetrics')).toEqual({ code: 0, out: '', err: '' })
  })
  test('says everything that is wrong, by line', async () => {
    expect(await check('a 1\nb{ 1\n')).toEqual({ code: 1, out: '', err: '1: a no help text\n2: "{" is never closed\n' })
  })
  test('says everything that is wrong with OpenMetrics, by line', async () => {
    expect(await check('# TYPE a counter\na_total -1\nb\n# TYPE c histogram\nc_bucket{le="1"} 1\n', '--openmetrics')).toEqual({
      code: 1,
      out: '',
      err: [
        '2: "a_total": a counter must not be negative or NaN, got -1',
        '3: expected one space before the value',
        '5: "c": a histogram needs the bucket le="+Inf"',
        '6: the page does not end with "# EOF"',
        '',
      ].join('\n'),
    })
  })
})

describe('check', () => {
  test('says ok, and what pipelines there are, and starts nothing', async () => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = good
    expect(await outside.thalamus('check', 'good.yaml')).toEqual({
      code: 0,
      out: 'good.yaml: ok\n  metrics: otlp -> prometheus\n',
      err: '',
    })
    expect(outside.started).toEqual([])
  })
  test('says all that is wrong', async () => {
    const outside = new TestOutside()
    outside.files['bad.yaml'] = good.replace('otlp:', 'oltp:').replace('prometheus:', 'promtheus:')
    const { code, out, err } = await outside.thalamus('check', 'bad.yaml')
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain('bad.yaml:1:14: receivers.oltp: no receiver is called "oltp"\n  did you mean "otlp"?')
    expect(err).toContain('bad.yaml:2:14: exporters.promtheus: no exporter is called "promtheus"\n  did you mean "prometheus"?')
  })
  test.each([
    ['check', 'says all of a hundred mistakes', 100, ''],
    ['--config', 'says ten of them, and counts the others', 10, 'and 90 more\n'],
  ])('%s %s', async (word, _, said, last) => {
    const outside = new TestOutside()
    const unknown = Array.from({ length: 100 }, (_, i) => `x${i}: 1`)
    outside.files['bad.yaml'] = good.replace('prometheus: }', `prometheus: { ${unknown.join(', ')} } }`)
    const { code, err } = await outside.thalamus(word, 'bad.yaml')
    expect({ code, said: err.match(/unknown setting "x\d+"/g)?.length }).toEqual({ code: 1, said })
    expect(err.match(/and \d+ more\n/)?.[0] ?? '').toBe(last)
  })
  test('merges several, takes --config as well, and reads the environment', async () => {
    const outside = new TestOutside()
    outside.env['ADDRESS'] = 'nowhere'
    outside.files['good.yaml'] = good
    outside.files['more.yaml'] = 'exporters: { prometheus: { endpoint: "${env:ADDRESS}" } }'
    const { code, err } = await outside.thalamus('check', 'more.yaml', '--config', 'good.yaml')
    expect(code).toBe(1)
    expect(err).toContain('more.yaml:1:38: exporters.prometheus.endpoint: must be "host:port", for example "127.0.0.1:4318", got (hidden)')
  })
  test('takes the names that the Collector had once', async () => {
    const outside = new TestOutside()
    const pipelines = 'pipelines: { traces: { receivers: [otlp], exporters: [otlp, otlphttp/2] } }'
    outside.files['old.yaml'] = `receivers: { otlp: { protocols: { grpc: } } }
exporters: { otlp: { endpoint: "collector:4317" }, otlphttp/2: { endpoint: "http://collector:4318" } }
service: { ${pipelines} }`
    expect(await outside.thalamus('check', 'old.yaml')).toEqual({
      code: 0,
      out: 'old.yaml: ok\n  traces: otlp -> otlp, otlphttp/2\n',
      err: [
        'warnings:',
        'old.yaml:2:14: exporters.otlp: "otlp" is another word for "otlp_grpc"',
        '  it works as it is; "otlp_grpc" is the word of today',
        'old.yaml:2:52: exporters.otlphttp/2: "otlphttp" is another word for "otlp_http"',
        '  it works as it is; "otlp_http/2" is the word of today',
        '',
      ].join('\n'),
    })
  })
  test('runs with them as well, and says so once at start', async () => {
    const outside = new TestOutside()
    outside.files['old.yaml'] = good.replaceAll('prometheus', 'otlphttp').replace('otlphttp: }', 'otlphttp: { endpoint: "http://a:1" } }')
    expect((await outside.thalamus('--config', 'old.yaml')).code).toBe(0)
    expect(outside.lines.filter(({ message }) => message === 'the configuration has an older word')).toMatchObject([
      { level: 'info', fields: { what: '"otlphttp" is another word for "otlp_http"' } },
    ])
  })
  test.each([
    ['validate', '--config=file:good.yaml'],
    ['validate', '--config', 'good.yaml'],
    ['check', '--config=env:CONFIG'],
  ])('a Collector user may type %s %s', async (...argv) => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = outside.env['CONFIG'] = good
    expect(await outside.thalamus(...argv)).toMatchObject({ code: 0, err: '' })
  })
  test('warns, and it is ok all the same', async () => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = good.replace('prometheus: }', 'prometheus: , prometheus/2: }')
    const { code, err } = await outside.thalamus('check', 'good.yaml')
    expect(code).toBe(0)
    expect(err).toBe('warnings:\ngood.yaml:2:28: exporters.prometheus/2: the exporter is not used\n  add it to a pipeline, or delete it\n')
  })
  test('reads standard input, yaml: and file:', async () => {
    const outside = new TestOutside()
    outside.files['-'] = good
    outside.files['good.yaml'] = good
    expect((await outside.thalamus('check', '-')).code).toBe(0)
    expect((await outside.thalamus('check', 'file:good.yaml')).code).toBe(0)
    expect((await outside.thalamus('check', `yaml:${good}`)).out).toContain('\nyaml: ok\n')
    const { code, err } = await outside.thalamus('check', 'good.yaml', 'yaml:exporters::prometheus::endpont: "127.0.0.1:1"')
    expect(code).toBe(1)
    expect(err).toContain('yaml:3:3: exporters.prometheus: unknown setting "endpont"\n  did you mean "endpoint"?')
  })
})

describe('run', () => {
  test('runs the default configuration, greets in five lines, and stops when it is asked to', async () => {
    const outside = new TestOutside()
    outside.app = {
      listening: [
        { component: 'api', what: 'api', url: 'http://127.0.0.1:2242' },
        { kind: 'exporter', component: 'prometheus', what: 'Prometheus page', url: 'http://127.0.0.1:9464/metrics' },
        { kind: 'receiver', component: 'otlp', what: 'OTLP over gRPC', url: 'http://127.0.0.1:4317' },
        { kind: 'receiver', component: 'otlp', what: 'OTLP over HTTP', url: 'http://127.0.0.1:4318' },
      ],
      unheard: [
        { receiver: 'otlp', signal: 'traces' },
        { receiver: 'otlp', signal: 'logs' },
      ],
    }
    const { code, out, err } = await outside.thalamus()
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(
      out,
    ).toBe(`thalamus 1.2.3 runs: metrics: otlp, host, self, derived -> prometheus; traces, logs: dropped (no exporter; --forward URL sends them on, --store DIR keeps them)
  receives  OTLP over gRPC http://127.0.0.1:4317, OTLP over HTTP http://127.0.0.1:4318
  serves    Prometheus page http://127.0.0.1:9464/metrics, api http://127.0.0.1:2242
  try       curl -s http://127.0.0.1:9464/metrics | grep system_cpu
  SDK       OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 node app.js   # any OpenTelemetry SDK, any language
stopped: all that was held was delivered
`)
    expect(outside.lines).toEqual([{ level: 'info', fields: { signal: 'SIGTERM' }, message: 'shutting down' }])
  })

  test('says once where something listens, though a receiver and an exporter have the same name', async () => {
    const outside = new TestOutside()
    outside.files['same.yaml'] = `receivers: { otlp: { protocols: { http: } } }
exporters: { prometheus: , otlp: { endpoint: "a:1" } }
service: { pipelines: { metrics: { receivers: [otlp], exporters: [prometheus, otlp] } } }`
    outside.app = {
      listening: [
        { kind: 'exporter', component: 'prometheus', what: 'Prometheus page', url: 'http://127.0.0.1:9464/metrics' },
        { kind: 'receiver', component: 'otlp', what: 'OTLP over HTTP', url: 'http://127.0.0.1:4318' },
      ],
    }
    expect((await outside.thalamus('--config', 'same.yaml')).out).toContain(`
  receives  OTLP over HTTP http://127.0.0.1:4318
  serves    Prometheus page http://127.0.0.1:9464/metrics
`)
  })

  test('says what is dropped though there is a pipeline of its signal', async () => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = good
    outside.app = {
      unheard: [
        { receiver: 'self', signal: 'metrics' },
        { receiver: 'otlp', signal: 'logs' },
      ],
    }
    const { out } = await outside.thalamus('--config', 'good.yaml')
    expect(out).toContain(
      '; logs: dropped (no exporter; --forward URL sends them on, --store DIR keeps them); metrics of self: dropped (in no pipeline)\n',
    )
  })

  test('says what it could not deliver', async () => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = good
    outside.app = { shutdown: async () => [{ exporter: 'otlp_http', signal: 'logs', rows: 512 }] }
    const { code, err } = await outside.thalamus('run', '--config', 'good.yaml')
    expect(code).toBe(1)
    expect(err).toBe('stopped: not everything was delivered\n  otlp_http: 512 log records dropped (shutdown)\n')
  })

  test('a second signal ends it at once, and that is said', async () => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = good
    outside.running = stop => {
      stop('SIGINT')
      if (outside.exits.length === 0) stop('SIGINT')
    }
    const { err } = await outside.thalamus('--config', 'good.yaml')
    expect(outside.exits[0]).toBe(1)
    expect(err).toBe('stopped at once: it was asked to twice\n  what was held and is on no disk is lost\n')
  })

  test('what cannot start is one clear message', async () => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = good
    outside.start = async () => {
      throw new StartError('receivers.otlp.protocols.http.endpoint: 127.0.0.1:4318 is taken', { remedy: 'stop the other program' })
    }
    expect(await outside.thalamus('--config', 'good.yaml')).toEqual({
      code: 1,
      out: '',
      err: 'cannot start: receivers.otlp.protocols.http.endpoint: 127.0.0.1:4318 is taken\n  stop the other program\n',
    })
  })

  test('a bug is not explained away', async () => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = good
    outside.start = async () => {
      throw new TypeError('undefined is not a function')
    }
    await expect(outside.thalamus('--config', 'good.yaml')).rejects.toThrow(TypeError)
  })

  test('warnings are log lines', async () => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = good.replace('prometheus: }', 'prometheus: , prometheus/2: }')
    await outside.thalamus('--config', 'good.yaml')
    expect(outside.lines[0]).toMatchObject({
      level: 'warn',
      fields: { where: 'good.yaml:2:28: exporters.prometheus/2', what: 'the exporter is not used' },
    })
  })

  test('--listen moves every address of the default configuration', async () => {
    const outside = new TestOutside()
    await outside.thalamus('--listen', '0.0.0.0', '--print-config')
    expect(outside.out.replace(/^#.*/gm, '')).not.toContain('127.0.0.1')
    outside.out = ''
    await outside.thalamus('--listen', '::1')
    const { service, exporters, extensions } = outside.started[0]!
    expect(service.api).toEqual({ host: '::1', port: 2242 })
    expect(service.telemetry.metrics.endpoints).toEqual([{ host: '::1', port: 8888 }])
    expect(exporters.get('prometheus')!.settings).toMatchObject({ endpoint: '[::1]:9464' })
    expect(extensions.get('health_check')!.settings).toMatchObject({ endpoint: '[::1]:13133' })
  })

  test('--forward sends all three signals on', async () => {
    const outside = new TestOutside()
    await outside.thalamus('--forward', 'http://collector:4318', '--set', 'service.max_series=7')
    const { service, exporters } = outside.started[0]!
    expect(service.maxSeries).toBe(7)
    expect(exporters.get('otlp_http/forward')!.settings).toMatchObject({ endpoint: 'http://collector:4318' })
    expect(service.pipelines.map(({ signal, exporters }) => [signal, exporters])).toEqual([
      ['metrics', ['prometheus', 'otlp_http/forward']],
      ['traces', ['otlp_http/forward']],
      ['logs', ['otlp_http/forward']],
    ])
  })

  test('--store keeps what the store takes, beside --forward', async () => {
    const outside = new TestOutside()
    await outside.thalamus('--forward', 'http://collector:4318', '--store', 'data')
    const { service, exporters, extensions } = outside.started[0]!
    expect(exporters.get('store')!.settings).toMatchObject({ directory: 'data' })
    expect(extensions.get('journal')!.settings).toMatchObject({ directory: 'data/journal' })
    expect(service.extensions).toEqual(['health_check', 'journal'])
    const metrics = service.pipelines.find(({ signal }) => signal === 'metrics')!
    expect(metrics.exporters).toEqual(['prometheus', 'otlp_http/forward', 'store'])
  })

  test('--store leaves the journal that a file has where it is', async () => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = good.replace('service:', 'extensions: { journal/mine: { directory: mine } }\nservice:')
    await outside.thalamus('--config', 'good.yaml', '--store', 'data/')
    expect([...outside.started[0]!.extensions.keys()]).toEqual(['journal/mine'])
  })

  test('says how to ask what is kept', async () => {
    const outside = new TestOutside()
    outside.app = { listening: [{ component: 'api', what: 'api', url: 'http://0.0.0.0:2242' }] }
    const { out } = await outside.thalamus('--store', 'data')
    expect(out).toContain(`\n  ask       curl -s http://127.0.0.1:2242/api/v1/query -d 'query=count({__name__!=""})'   # PromQL`)
  })
})

describe('--print-config', () => {
  test('prints what runs without a file, comments and all, so that it may be saved and run', async () => {
    const outside = new TestOutside()
    const { code, out } = await outside.thalamus('--print-config')
    expect(code).toBe(0)
    expect(out).toMatch(/^# /)
    outside.files['saved.yaml'] = out
    expect((await outside.thalamus('check', 'saved.yaml')).code).toBe(0)
    expect(outside.started).toEqual([])
  })
  test('prints what was merged', async () => {
    const outside = new TestOutside()
    outside.files['good.yaml'] = good
    const { out } = await outside.thalamus(
      '--config',
      'good.yaml',
      '--set',
      'exporters.prometheus.namespace=x',
      '--forward',
      'http://a:1',
      '--print-config',
    )
    expect(parse(out)).toMatchObject({
      exporters: { prometheus: { namespace: 'x' }, 'otlp_http/forward': { endpoint: 'http://a:1' } },
      service: { pipelines: { metrics: { exporters: ['prometheus', 'otlp_http/forward'] }, traces: { receivers: ['otlp'] } } },
    })
  })
})

test('components prints each with its signals, in the form of the Collector', async () => {
  const { out } = await new TestOutside().thalamus('components')
  const printed = parse(out)
  expect(printed.buildinfo).toEqual({ command: 'thalamus', version: '1.2.3' })
  expect(printed.receivers).toContainEqual({ name: 'otlp', stability: { metrics: 'beta', traces: 'beta', logs: 'beta' } })
  expect(printed.exporters).toContainEqual({ name: 'prometheus', stability: { metrics: 'beta' } })
  expect(printed.extensions).toContainEqual({ name: 'health_check', stability: { extension: 'beta' } })
})

test('schema prints JSON', async () => {
  const { out } = await new TestOutside().thalamus('schema')
  expect(out).toContain('"^(otlp_http|otlphttp)(/.+)?$"')
  expect(JSON.parse(out)).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', additionalProperties: false })
})
