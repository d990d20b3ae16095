/** Whoever sends to the receiver, in every way in which a body may come. Each resolves with whether it was taken. */
import { request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Signal } from '../../src/model/signal.ts'
import { protobufToJson } from '../../src/otlp/json.ts'

export interface Body {
  readonly signal: Signal
  readonly bytes: Buffer
}
export interface At {
  readonly http: URL
  readonly grpc: string
}
export const ways = ['plain', 'pipelined', 'chunked', 'gzip', 'json', 'grpc', 'grpc with gzip'] as const
export type Way = (typeof ways)[number]

export function send(way: Way, at: At, bodies: readonly Body[], random: () => number): Promise<boolean[]> {
  if (way === 'plain' || way === 'pipelined') return segments(at.http, bodies, way === 'plain' ? 1 : bodies.length, random)
  return Promise.all(bodies.map(body => (way.startsWith('grpc') ? call(at.grpc, body, way !== 'grpc') : post(at.http, body, way))))
}

/** Over one connection, `together` requests at a time, in pieces that end anywhere. */
async function segments(at: URL, bodies: readonly Body[], together: number, random: () => number): Promise<boolean[]> {
  const socket = connect(Number(at.port), at.hostname)
  socket.on('error', () => {})
  socket.setNoDelay(true)
  let text = ''
  let wake = () => {}
  let gone = false
  socket.on('data', data => {
    text += data.toString('latin1')
    wake()
  })
  socket.on('close', () => {
    gone = true
    wake()
  })
  const answers = () => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status === '200')
  for (let sent = 0; sent < bodies.length && !gone; ) {
    const group = bodies.slice(sent, sent + together)
    const wire = Buffer.concat(group.flatMap(({ signal, bytes }) => [head(signal, bytes.length), bytes]))
    for (let from = 0; from < wire.length; ) {
      const to = Math.min(wire.length, from + 1 + Math.floor(random() * wire.length))
      await new Promise<void>(resolve => socket.write(wire.subarray(from, to), () => setImmediate(resolve)))
      from = to
    }
    sent += group.length
    while (!gone && answers().length < sent) await new Promise<void>(resolve => (wake = resolve))
  }
  socket.destroy()
  return bodies.map((_, i) => answers()[i] === true)
}

const head = (signal: Signal, length: number) =>
  Buffer.from(`POST /v1/${signal} HTTP/1.1\r\nhost: here\r\ncontent-type: application/x-protobuf\r\ncontent-length: ${length}\r\n\r\n`)

function post(at: URL, { signal, bytes }: Body, way: Way): Promise<boolean> {
  const body = way === 'gzip' ? gzipSync(bytes) : way === 'json' ? Buffer.from(JSON.stringify(protobufToJson(signal, bytes))) : bytes
  const headers = {
    'content-type': way === 'json' ? 'application/json' : 'application/x-protobuf',
    ...(way === 'gzip' ? { 'content-encoding': 'gzip' } : {}),
    ...(way === 'chunked' ? {} : { 'content-length': body.length }),
  }
  return new Promise(resolve => {
    const asked = request(new URL(`/v1/${signal}`, at), { method: 'POST', headers, agent: false }, response => {
      response.resume().on('close', () => resolve(response.statusCode === 200))
    })
    asked.on('error', () => resolve(false))
    for (let from = 0; from < body.length; from += 3000) asked.write(body.subarray(from, from + 3000))
    asked.end()
  })
}

function call(at: string, { signal, bytes }: Body, compressed: boolean): Promise<boolean> {
  const service = { metrics: 'metrics.v1.MetricsService', traces: 'trace.v1.TraceService', logs: 'logs.v1.LogsService' }[signal]
  return new Promise(resolve => {
    const session = connectHttp2(at)
    session.on('error', () => resolve(false))
    const stream = session.request({
      ':method': 'POST',
      ':path': `/opentelemetry.proto.collector.${service}/Export`,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(compressed ? { 'grpc-encoding': 'gzip' } : {}),
    })
    let status: unknown
    stream.on('response', headers => (status ??= headers['grpc-status']))
    stream.on('trailers', trailers => (status ??= trailers['grpc-status']))
    stream.on('error', () => {})
    stream.resume().on('close', () => {
      session.destroy()
      resolve(status === '0')
    })
    const message = compressed ? gzipSync(bytes) : bytes
    const prefix = Buffer.alloc(5)
    prefix[0] = compressed ? 1 : 0
    prefix.writeUInt32BE(message.length, 1)
    stream.write(prefix)
    stream.end(message)
  })
}
