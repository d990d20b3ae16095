/** Models that infer, decoders of neural signals among them. */
import { fast, firstToken, generation, perToken, ratio } from '../bounds.ts'
import { counter, gauge, histogram } from '../definition.ts'

export const inference = {
  neuralDuration: histogram('neural.inference.duration', 's', 'One inference on features of a neural signal.', fast, [
    'model.name',
    'model.version',
  ]),
  decoderAccuracy: gauge('neural.decoder.accuracy', '', 'Share of decisions that were right, 0..1.', ['model.name']),
  decoderTransferRate: gauge('neural.decoder.itr', 'bit/min', 'Information transfer rate.', ['model.name']),
  decoderConfidence: histogram('neural.decoder.confidence', '', 'How sure the decoder was of one decision, 0..1.', ratio, ['model.name']),
  decisions: counter('neural.decoder.decisions', '{decision}', 'Decisions of a decoder.', ['outcome']),
  requestDuration: histogram('inference.request.duration', 's', 'From a request to its last token.', generation, [
    'model.name',
    'model.version',
  ]),
  timeToFirstToken: histogram('inference.time_to_first_token', 's', 'From a request to its first token.', firstToken, ['model.name']),
  interTokenLatency: histogram('inference.inter_token.latency', 's', 'From a token to the next.', perToken, ['model.name']),
  queueDuration: histogram('inference.queue.duration', 's', 'How long a request waited for its turn.', generation, ['model.name']),
  requestsRunning: gauge('inference.requests.running', '{request}', 'Requests that are worked on, now.', ['model.name']),
  requestsWaiting: gauge('inference.requests.waiting', '{request}', 'Requests that wait, now.', ['model.name']),
  tokens: counter('inference.tokens', '{token}', 'Tokens read (input) and made (output).', ['type', 'model.name']),
  kvCacheUtilization: gauge('inference.kv_cache.utilization', '1', 'Share of the cache of keys and values in use, 0..1.', ['model.name']),
  preemptions: counter('inference.preemptions', '{preemption}', 'Requests set back so that others could go on.', ['model.name']),
  errors: counter('inference.errors', '{error}', 'Requests that failed.', ['error.type', 'model.name']),
  goodput: gauge('inference.goodput', '1', 'Share of requests within their objectives, 0..1.', ['model.name']),
}
