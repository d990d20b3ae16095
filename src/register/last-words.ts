/**
 * What is still waiting when the process ends: sent from a thread while this one stands still, so that no code of the application runs
 * longer than it would without us, for two seconds at the most. Exit code, signal and the words of a crash are not touched.
 */
import { Worker } from 'node:worker_threads'
import type { Signal } from '../model/signal.ts'
import { readText } from './outside.ts'
import type { Destination } from './settings.ts'

/** [ms] */
export const patience = 2000

export interface LastLoad {
  readonly signal: Signal
  readonly body: Uint8Array
  readonly destination: Destination
}

/** @returns for each load whether it was delivered, or why not */
export function deliverNow(loads: readonly LastLoad[]): readonly (true | string)[] {
  // 0: no answer yet, 1: delivered, 2: the answer was no, 3: no connection
  const verdicts = new Int32Array(new SharedArrayBuffer(4 * (loads.length + 1)))
  let worker: Worker | undefined
  try {
    const requests = loads.map(({ signal, body, destination }) => ({ body, ...request(signal, destination) }))
    // Nothing of the process's own arguments: what it preloads is not for this thread.
    worker = new Worker(`(${sender})()`, { eval: true, execArgv: [], env: {}, workerData: { requests, verdicts } })
    worker.on('error', () => {})
    Atomics.wait(verdicts, loads.length, 0, patience)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return loads.map(() => why)
  }
  return loads.map((_, i) => {
    switch (Atomics.load(verdicts, i)) {
      case 1:
        return true
      case 2:
        return 'refused'
      case 3:
        return 'no connection'
      default:
        return `no answer within ${patience / 1000} s`
    }
  })
}

const services = { traces: 'trace.v1.TraceService', metrics: 'metrics.v1.MetricsService', logs: 'logs.v1.LogsService' } as const

function request(signal: Signal, { protocol, url, headers, certificate, clientCertificate, clientKey }: Destination) {
  const grpc = protocol === 'grpc'
  return {
    grpc,
    // gRPC's address may be host:port alone.
    url: grpc && !/^\w+:\/\//.test(url) ? `http://${url}` : url,
    path: grpc ? `/opentelemetry.proto.collector.${services[signal]}/Export` : '',
    headers: {
      ...headers,
      'content-type': { grpc: 'application/grpc', 'http/json': 'application/json', 'http/protobuf': 'application/x-protobuf' }[protocol],
    },
    tls: { ca: pem(certificate), cert: pem(clientCertificate), key: pem(clientKey) },
  }
}

const pem = (path: string | undefined) => (path === undefined ? undefined : readText(path))

/** Runs in the thread, as text: it refers to nothing of this file. */
function sender(): void {
  const { workerData } = require('node:worker_threads')
  const { requests, verdicts } = workerData
  let open = requests.length
  const verdict = (i: number, says: number) => {
    if (Atomics.compareExchange(verdicts, i, 0, says) !== 0) return
    open--
    if (open > 0) return
    Atomics.store(verdicts, requests.length, 1)
    Atomics.notify(verdicts, requests.length)
  }
  const sendGrpc = (i: number, of: { url: string; path: string; headers: object; tls: object; body: Uint8Array }) => {
    const session = require('node:http2').connect(of.url, of.tls)
    session.on('error', () => verdict(i, 3))
    const stream = session.request({ ':method': 'POST', ':path': of.path, te: 'trailers', ...of.headers })
    let status = ''
    const see = (headers: Record<string, string>) => void (status = headers['grpc-status'] ?? status)
    stream
      .on('response', see)
      .on('trailers', see)
      .on('error', () => verdict(i, 3))
    stream.on('close', () => verdict(i, status === '0' ? 1 : 2)).resume()
    const frame = Buffer.alloc(5)
    frame.writeUInt32BE(of.body.length, 1)
    stream.end(Buffer.concat([frame, of.body]))
  }
  const send = (i: number, of: { grpc: boolean; url: string; path: string; headers: object; tls: object; body: Uint8Array }) => {
    try {
      if (of.grpc) return sendGrpc(i, of)
      const http = require(of.url.startsWith('https:') ? 'node:https' : 'node:http')
      const call = http.request(
        of.url,
        { method: 'POST', headers: of.headers, ...of.tls },
        (answer: { statusCode: number; resume(): void }) => {
          answer.resume()
          verdict(i, answer.statusCode >= 200 && answer.statusCode < 300 ? 1 : 2)
        },
      )
      call.on('error', () => verdict(i, 3))
      call.end(of.body)
    } catch {
      verdict(i, 3)
    }
  }
  for (const [i, of] of requests.entries()) send(i, of)
}
