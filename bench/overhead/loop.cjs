const { performance } = require('node:perf_hooks')

let before = performance.eventLoopUtilization()

/** How busy the event loop was since this was asked last, 0..1. */
exports.loop = () => {
  const now = performance.eventLoopUtilization()
  const { utilization } = performance.eventLoopUtilization(now, before)
  before = now
  return { utilization }
}

process.on('SIGTERM', () => process.exit(0))
