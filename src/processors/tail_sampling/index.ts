import { processor } from '../../component/component.ts'
import { config } from './settings.ts'
import { TailSampling } from './tail-sampling.ts'

export default processor({
  type: 'tail_sampling',
  stability: 'beta',
  config,
  create: { traces: (cx, settings, next) => new TailSampling(cx, settings, next) },
})
