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

processors:
  memory_limiter:
  batch:

exporters:
  prometheus: { endpoint: 127.0.0.1:9464 }

service:
  extensions: [health_check]
  pipelines:
    metrics:
      receivers: [otlp, host, self]
      processors: [memory_limiter, batch]
      exporters: [prometheus]
    # Traces and logs have nowhere to go yet: they are dropped, counted as no_exporter. --forward URL sends all three on.
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
