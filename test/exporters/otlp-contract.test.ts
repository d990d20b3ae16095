/** The exporters that push OTLP, through the contract of every exporter, against real servers. */
import { describe } from 'vitest'
import type { Component } from '../../src/component/component.ts'
import type { Storage } from '../../src/component/storage.ts'
import otlpGrpc from '../../src/exporters/otlp_grpc/index.ts'
import otlpHttp from '../../src/exporters/otlp_http/index.ts'
import fileStorage from '../../src/extensions/file_storage/index.ts'
import { Raw } from '../../src/model/raw.ts'
import type { Signal } from '../../src/model/signal.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { type Destination, exporterContract, paperworkContract } from '../kit/contract.ts'
import type { Answer } from '../kit/faults.ts'
import { rowIds } from '../kit/rows.ts'
import { type Reply as GrpcReply, GrpcServer } from './grpc-server.ts'
import { type Reply as HttpReply, HttpServer } from './http-server.ts'
import { until } from './until.ts'

const httpReplies: Readonly<Record<Answer, HttpReply>> = {
  yes: { status: 200 },
  later: { status: 503 },
  never: { status: 400 },
  full: 'hang',
  slow: { status: 200 },
  hang: 'hang',
}
const grpcReplies: Readonly<Record<Answer, GrpcReply>> = {
  yes: { code: 0 },
  later: { code: 14 },
  never: { code: 3 },
  full: 'hang',
  slow: { code: 0 },
  hang: 'hang',
}

interface Server<R> {
  reply(received: { readonly body: Buffer }): R
  close(): Promise<void>
}

/** Keeps the ids of what it answers with yes. */
function destinationOf<R>(signal: Signal, server: Server<R>, replies: Readonly<Record<Answer, R>>, settings: object): Destination {
  const reader = createReader()
  const arrived: number[] = []
  let plan: () => Answer = () => 'yes'
  server.reply = ({ body }) => {
    const answer = plan()
    if (answer === 'yes' || answer === 'slow') arrived.push(...rowIds(reader.read(signal, Raw.of(body))))
    return replies[answer]
  }
  return {
    settings,
    arrived: () => arrived,
    answer(next) {
      plan = next
    },
    close: () => server.close(),
  }
}

describe('over HTTP', () => {
  paperworkContract(otlpHttp, { endpoint: 'http://localhost:4318' })
  exporterContract({
    factory: otlpHttp as never,
    until,
    bound: { settings: { sending_queue: { queue_size: 12 } }, rows: 12 },
    async destination(signal) {
      const server = await HttpServer.open()
      return destinationOf(signal, server, httpReplies, { endpoint: server.url, compression: 'none' })
    },
  })
})

describe('over HTTP, with the queue on the disk', () => {
  const sending_queue = { storage: 'file_storage' }
  exporterContract({
    factory: otlpHttp as never,
    until,
    bound: { settings: { sending_queue: { ...sending_queue, queue_size: 12 } }, rows: 12 },
    stored: {
      settings: { sending_queue },
      async world() {
        const clock = new VirtualClock()
        const storage = fileStorage.create(testContext({ clock, id: 'file_storage' }), fileStorage.config.parse({ create_directory: true }))
        await storage.start?.()
        return { clock, storages: { file_storage: storage as Component & Storage } }
      },
    },
    async destination(signal) {
      const server = await HttpServer.open()
      return destinationOf(signal, server, httpReplies, { endpoint: server.url, compression: 'none' })
    },
  })
})

describe('over gRPC', () => {
  paperworkContract(otlpGrpc, { endpoint: 'localhost:4317' })
  exporterContract({
    factory: otlpGrpc as never,
    until,
    bound: { settings: { sending_queue: { queue_size: 12 } }, rows: 12 },
    async destination(signal) {
      const server = await GrpcServer.open()
      return destinationOf(signal, server, grpcReplies, { endpoint: server.url, compression: 'none' })
    },
  })
})
