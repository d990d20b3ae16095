import { z } from 'zod'
import { connector } from '../../component/component.ts'
import { duration, withoutEffect } from '../../component/settings.ts'
import { ServiceGraph } from './service-graph.ts'

const config = z
  .strictObject({
    latency_histogram_buckets: z
      .array(duration())
      .refine(list => list.every((bound, i) => i === 0 || bound > list[i - 1]!), 'must ascend')
      .optional()
      .describe('Upper bounds of durations; from 2ms to 15s unless given.'),
    exponential_histogram_max_size: z
      .int()
      .min(0)
      .max(16_384)
      .default(0)
      .describe('Buckets that follow the data instead, and this many of them at the most; 0 is no matter.'),
    dimensions: z
      .array(z.string().min(1))
      .default([])
      .describe('Attributes of resource or span that series are told apart by; they are told as `client_…` and `server_…`.'),
    store: z
      .strictObject({
        max_items: z
          .int()
          .min(1)
          .default(1000)
          .describe('Spans that wait for their other side at the most; what is more is dropped as `store_full`.'),
        ttl: duration().prefault('2s').describe('How long a span waits for its other side.'),
      })
      .prefault({})
      .describe('Spans that wait.'),
    cache_loop: duration()
      .prefault('1m')
      .describe('How often series are looked through for those that had no request in 15 minutes, which are told no more.'),
    store_expiration_loop: duration().prefault('2s').describe('How often spans are looked through for those that have waited too long.'),
    virtual_node_peer_attributes: z
      .array(z.string().min(1))
      .default(['peer.service', 'db.name', 'db.system'])
      .describe('What a client span says of a server that sends no spans, the first that it has. None: such requests are not told.'),
    virtual_node_extra_label: z.boolean().default(false).describe('Whether `virtual_node` tells which side sends no spans.'),
    metrics_flush_interval: duration().prefault('60s').describe('How long from one flush to the next; 0 flushes after every batch.'),
    database_name_attributes: z
      .array(z.string().min(1))
      .default(['db.name'])
      .describe('An attribute that makes a client span a request to a database of that name, the first that it has.'),
    database_name_attribute: z.string().optional().describe('The older word for one of `database_name_attributes`.'),
    metrics_exporter: withoutEffect(z.string().optional(), 'metrics go to the pipelines that list this connector as a receiver.'),
  })
  .refine(
    ({ latency_histogram_buckets: explicit, exponential_histogram_max_size: size }) => explicit === undefined || size === 0,
    'must have either "latency_histogram_buckets" or "exponential_histogram_max_size"',
  )
export type Settings = z.infer<typeof config>

export default connector({
  type: 'service_graph',
  stability: 'beta',
  config,
  create: { traces: (cx, settings, next) => new ServiceGraph(cx, settings, next.metrics) },
})
