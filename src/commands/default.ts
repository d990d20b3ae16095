const redaction = String.raw`  # Secrets become ****: in addresses, headers, SQL, connection strings.
  redaction:
    allow_all_keys: true
    blocked_key_patterns:
      - '(?i)(^|[._-])(authorization|proxy[_-]authorization|cookie|set[_-]cookie|x[_-]api[_-]key|api[_-]?key|passw(or)?d|secret|(access|refresh|id|auth)[_-]token|client[_-]secret|private[_-]key)$'
    blocked_values:
      - '//[^/\s:@]*:[^/\s@]*@'
      - '(?i)[?&;]((access|refresh|id|auth)?_?token|api[_-]?key|key|auth|code|passw(or)?d|pwd|secret|client_secret|sig|signature|x-amz-(signature|credential|security-token)|x-goog-signature)=[^&;#\s"]*'
      - '(?i)\b(bearer|basic|digest) +[a-z0-9+/_.~=-]{8,}'
      - '(?i)\b(passw(or)?d|pwd)\b\s*[=:]\s*("[^"]*"|[^\s;,&"]+)'
      - '(?i)\b(identified by|passw(or)?d)\s+''[^'']*'''
      - '\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*'
      - '\bAKIA[0-9A-Z]{16}\b'
      - '-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s]*(-----END [A-Z ]*PRIVATE KEY-----)?'
`

/** What runs where no file is given. `thalamus --print-config` prints it, to start from. */
export const defaultName = 'default configuration'

export const defaultConfiguration = `# What Thalamus runs without a configuration file. Save it, change it, and run it with: thalamus --config FILE
extensions:
  health_check: { endpoint: 127.0.0.1:13133 }

receivers:
  otlp:
    protocols:
      grpc: { endpoint: 127.0.0.1:4317 }
      http: { endpoint: 127.0.0.1:4318 }
  host: { collection_interval: 1s }
  self: { collection_interval: 1s }
  # What rules compute (service.rules), once there are some.
  derived:

processors:
  memory_limiter:
${redaction}  batch:

exporters:
  prometheus: { endpoint: 127.0.0.1:9464 }

service:
  extensions: [health_check]
  pipelines:
    metrics:
      receivers: [otlp, host, self, derived]
      processors: [memory_limiter, redaction, batch]
      exporters: [prometheus]
    # Traces and logs have nowhere to go yet: they are dropped, counted as no_exporter. --forward URL sends all three on, --store DIR keeps them.
  api: { endpoint: 127.0.0.1:2242 }
  telemetry:
    metrics:
      readers:
        - pull: { exporter: { prometheus: { host: 127.0.0.1, port: 8888 } } }
`

/** The same, on another address of this machine. */
export function defaultListeningOn(host: string): string {
  // host:port wants brackets around an IPv6 address; a lone host does not.
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const quoted = (text: string) => JSON.stringify(text)
  return defaultConfiguration
    .replaceAll(/127\.0\.0\.1:(\d+)/g, (_, port: string) => quoted(`${bracketed}:${port}`))
    .replaceAll('host: 127.0.0.1', `host: ${quoted(host.replaceAll(/[[\]]/g, ''))}`)
}

/** What is embedded in a process that says no more: its own telemetry comes by memory, and what shares it (workers of a cluster) by `otlp`. */
export function embeddedConfiguration(
  ports: { readonly otlp: number; readonly page: number },
  forward: { readonly endpoint: string; readonly headers: Readonly<Record<string, string>> } | undefined,
): string {
  const exporters = forward === undefined ? [] : ['otlp_http']
  const pipeline = (receivers: string, to: readonly string[]) =>
    `{ receivers: ${receivers}, processors: [memory_limiter, redaction, batch], exporters: [${to.join(', ')}] }`
  return `receivers:
  otlp: { protocols: { http: { endpoint: 127.0.0.1:${ports.otlp} } } }
  self: { collection_interval: 10s }

processors:
  memory_limiter:
${redaction}  batch:

exporters:
  prometheus: { endpoint: 127.0.0.1:${ports.page} }
${forward === undefined ? '' : `  otlp_http: ${JSON.stringify(forward)}\n`}
service:
  pipelines:
    metrics: ${pipeline('[otlp, self]', ['prometheus', ...exporters])}
${forward === undefined ? '' : `    traces: ${pipeline('[otlp]', exporters)}\n    logs: ${pipeline('[otlp]', exporters)}\n`}  api: { enabled: false }
  telemetry: { logs: { level: warn }, metrics: { readers: [] } }
`
}
