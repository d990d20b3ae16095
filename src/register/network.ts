/**
 * What the host's network moved, read from Linux' files. `@opentelemetry/host-metrics` asks the programs `ip` and `cat`, one of them while the process
 * stands still: 10 ms in which no request is answered, more where more memory is to be forked, at each reading of the metrics. Names, units
 * and attributes are as it has them.
 */
import type { Attributes, Meter } from '@opentelemetry/api'
import { type NetDev, parseNetDev } from '../receivers/host/proc.ts'

/** @returns the beginning of a file, undefined where it cannot be read */
export type ReadStart = (path: string) => string | undefined

export const groupsWithoutNetwork = ['system.cpu', 'system.memory', 'process.cpu', 'process.memory']

/** Whether the files are there. */
export const hasNetworkFiles = (read: ReadStart): boolean => read(devices) !== undefined && read(routes) !== undefined

/** Of the interface that the default route goes through, else of the first that leads out and is in use; as host-metrics. */
export function watchNetwork(meter: Meter, read: ReadStart): void {
  const dropped = meter.createObservableCounter('system.network.dropped', { description: 'Network dropped packets' })
  const errors = meter.createObservableCounter('system.network.errors', { description: 'Network errors counter' })
  const io = meter.createObservableCounter('system.network.io', { description: 'Network transmit and received bytes' })
  meter.addBatchObservableCallback(
    result => {
      const device = outward(parseNetDev(read(devices) ?? ''), defaultInterface(read(routes) ?? ''))
      if (device === undefined) return
      for (const direction of ['receive', 'transmit'] as const) {
        const traffic = device[direction]
        const of: Attributes = { 'system.device': device.name, 'network.io.direction': direction }
        result.observe(dropped, traffic.dropped, of)
        result.observe(errors, traffic.errors, of)
        result.observe(io, traffic.bytes, of)
      }
    },
    [dropped, errors, io],
  )
}

const outward = (all: readonly NetDev[], name: string | undefined): NetDev | undefined =>
  all.find(device => device.name === name) ?? all.find(device => device.name !== 'lo' && device.receive.bytes > 0)

/** Those of this process' network, which in a container is not the host's. */
const devices = '/proc/self/net/dev'
const routes = '/proc/self/net/route'

/** The kernel's table is in the order of its addresses: what goes everywhere comes first. */
export function defaultInterface(table: string): string | undefined {
  return /^(\S+)\t0{8}\t[0-9A-F]{8}\t[0-9A-F]{4}\t\d+\t\d+\t\d+\t0{8}\t/m.exec(table)?.[1]
}
