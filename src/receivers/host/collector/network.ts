/** What the interfaces moved, and the connections. */
import { filter } from '../filter.ts'
import type { HostmetricsSettings } from '../hostmetrics.ts'
import { attributes, counter, level, type Points } from '../points.ts'
import { connectionStates, countTcp, parseNetDev } from '../proc.ts'
import { type Scraper, Source, type Surroundings } from '../scraper.ts'

const networkIo = counter('system.network.io', 'By', 'The number of bytes transmitted and received.')
const networkPackets = counter('system.network.packets', '{packets}', 'The number of packets transferred.')
const networkDropped = counter('system.network.dropped', '{packets}', 'The number of packets dropped.')
const networkErrors = counter('system.network.errors', '{errors}', 'The number of errors encountered.')
const networkConnections = level('system.network.connections', '{connections}', 'The number of connections.')
const conntrackCount = level('system.network.conntrack.count', '{entries}', 'The count of entries in conntrack table.')
const conntrackMax = level('system.network.conntrack.max', '{entries}', 'The limit for entries in the conntrack table.')

/** As the Collector has the states of `connectionStates`. */
const collectorStates: Readonly<Record<string, string>> = { syn_received: 'SYN_RECV', closed: 'CLOSE' }

export function network(around: Surroundings, settings: NonNullable<HostmetricsSettings['network']>): Scraper {
  const source = new Source(around)
  const wanted = filter('interfaces', settings.include, settings.exclude)
  const folder = around.root === '' ? '/proc/self/net' : `${around.root}/proc/1/net`
  const counted = settings.metrics['system.network.connections'] as { enabled: boolean }
  return {
    name: 'network',
    resource: 'host',
    scrape(points) {
      for (const { name: device, ...directions } of source.read(`${folder}/dev`, parseNetDev) ?? []) {
        if (!wanted(device)) continue
        for (const direction of ['receive', 'transmit'] as const) {
          const of = attributes({ device, direction })
          points.add(networkIo, directions[direction].bytes, of)
          points.add(networkPackets, directions[direction].packets, of)
          points.add(networkDropped, directions[direction].dropped, of)
          points.add(networkErrors, directions[direction].errors, of)
        }
      }
      if (counted.enabled) addConnections(points)
      const tracked = `${around.root}/proc/sys/net/netfilter/nf_conntrack_`
      points.add(conntrackCount, points.wants(conntrackCount) ? source.read(`${tracked}count`, Number) : undefined)
      points.add(conntrackMax, points.wants(conntrackMax) ? source.read(`${tracked}max`, Number) : undefined)
    },
  }

  function addConnections(points: Points): void {
    const counts = new Map<string, number>()
    source.read(`${folder}/tcp`, text => countTcp(text, counts))
    source.read(`${folder}/tcp6`, text => countTcp(text, counts))
    for (const state of connectionStates)
      points.add(
        networkConnections,
        counts.get(state) ?? 0,
        attributes({ protocol: 'tcp', state: collectorStates[state] ?? state.toUpperCase() }),
      )
    points.add(networkConnections, 0, attributes({ protocol: 'tcp', state: 'DELETE' }))
  }
}
