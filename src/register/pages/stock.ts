/** The SDK's exposition, `prometheus_sdk`: no unit suffixes, classic text alone, for whoever has dashboards over those names. */
import { createServer } from 'node:http'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { listening } from '../page.ts'
import { typed } from '../typed.ts'

export async function startPage(host: string, port: number, next: boolean): Promise<{ reader: PrometheusExporter; url: string }> {
  const free = next ? await firstFree(host, port) : port
  const reader = new PrometheusExporter({ host, port: free, preventServerStart: true, metricProducers: [typed.producer()] })
  await reader.startServer()
  return { reader, url: `http://${host}:${free}/metrics` }
}

async function firstFree(host: string, from: number): Promise<number> {
  for (let port = from; ; port++) {
    const server = createServer()
    try {
      await listening(server, host, port)
      await new Promise(resolve => server.close(resolve))
      return port
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || port >= from + 99) throw error
    }
  }
}
