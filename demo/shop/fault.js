/**
 * The fault switch of a service: how much later it answers, and what share of its requests it fails. The environment sets it
 * (FAULT_LATENCY_MS, FAULT_ERRORS), and afterwards `curl -X PUT 'http://127.0.0.1:8082/fault?latency_ms=300&errors=0.2'`.
 */
const most = { latency_ms: 10_000, errors: 1 }

export class Fault {
  /** latency_ms: 0..10,000; errors: ratio, 0..1 */
  now = { latency_ms: 0, errors: 0 }

  constructor({ FAULT_LATENCY_MS = '0', FAULT_ERRORS = '0' } = process.env) {
    this.set({ latency_ms: FAULT_LATENCY_MS, errors: FAULT_ERRORS })
  }

  /** @param wanted texts by name; what is left out stays as it was. @throws when it is not such a setting */
  set(wanted) {
    const next = { ...this.now }
    for (const [name, text] of Object.entries(wanted)) {
      if (!Object.hasOwn(most, name))
        throw new RangeError(`no such fault: ${JSON.stringify(name)}\n  known: ${Object.keys(most).join(', ')}`)
      next[name] = text === '' ? Number.NaN : Number(text)
      if (!(next[name] >= 0 && next[name] <= most[name])) {
        throw new RangeError(`${name}: must be a number from 0 to ${most[name]}, got ${JSON.stringify(text)}`)
      }
    }
    this.now = next
    return next
  }

  /** Waits as long as the switch says. @returns whether this request is one that fails */
  async strikes() {
    const { latency_ms, errors } = this.now
    if (latency_ms > 0) await new Promise(resolve => setTimeout(resolve, latency_ms))
    return Math.random() < errors
  }
}
