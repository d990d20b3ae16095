import { filter, type Named } from './filter.ts'
import { type Attributes, counter, level, type Points } from './points.ts'
import { connectionStates, countTcp, parseNetDev, parseSockstat, type Traffic } from './proc.ts'
import { type Scraper, Slow, Source, type Surroundings } from './scraper.ts'

export const networkIo = counter('system.network.io', 'By', 'The number of bytes transmitted and received.')
export const networkErrors = counter('system.network.errors', '{error}', 'Count of network errors detected.')
export const packetDropped = counter(
  'system.network.packet.dropped',
  '{packet}',
  'Count of packets that are dropped or discarded even though there was no error.',
)
export const packetCount = counter('system.network.packet.count', '{packet}', 'The number of packets transferred.')
const connections = level('system.network.connection.count', '{connection}', 'The number of connections.')

type Direction = 'receive' | 'transmit'

/** [sockets] A longer list is not read: the kernel takes long to write it. */
const CONNECTIONS_AT_MOST = 20_000

export interface NetworkSettings {
  readonly include?: Named<'interfaces'> | undefined
  readonly exclude?: Named<'interfaces'> | undefined
}

export function networkScraper(around: Surroundings, settings: NetworkSettings): Scraper {
  const source = new Source(around)
  const wanted = filter('interfaces', settings.include, settings.exclude)
  // Another root's network is that of its first process.
  const folder = around.root === '' ? '/proc/self/net' : `${around.root}/proc/1/net`
  const states = new Slow(around.clock, async () => readConnections(source, folder))
  const known = new Map<string, Interface>()
  return {
    name: 'network',
    resource: 'host',
    prepare: () => states.renew(),
    scrape(points) {
      void states.renew()
      for (const { name, receive, transmit } of source.read(`${folder}/dev`, parseNetDev) ?? []) {
        if (!wanted(name)) continue
        let found = known.get(name)
        if (found === undefined) known.set(name, (found = ofInterface(name)))
        addTraffic(points, receive, found.receive)
        addTraffic(points, transmit, found.transmit)
      }
      for (const [i, count] of states.value?.entries() ?? []) points.add(connections, count, connectionAttributes[i]!)
    },
  }
}

/** The conventions call the interface a device where packets are counted. */
interface Direct {
  readonly io: Attributes
  readonly packets: Attributes
}
type Interface = Readonly<Record<Direction, Direct>>

function ofInterface(name: string): Interface {
  const direct = (direction: Direction): Direct => ({
    io: [
      ['network.interface.name', name],
      ['network.io.direction', direction],
    ],
    packets: [
      ['system.device', name],
      ['network.io.direction', direction],
    ],
  })
  return { receive: direct('receive'), transmit: direct('transmit') }
}

function addTraffic(points: Points, traffic: Traffic, attributes: Direct): void {
  points.add(networkIo, traffic.bytes, attributes.io)
  points.add(networkErrors, traffic.errors, attributes.io)
  points.add(packetDropped, traffic.dropped, attributes.io)
  points.add(packetCount, traffic.packets, attributes.packets)
}

const connectionAttributes: readonly Attributes[] = connectionStates.map(state => [
  ['network.transport', 'tcp'],
  ['network.connection.state', state],
])

/** [connections] in the order of `connectionStates`; TCP over IPv4 and IPv6 together */
function readConnections(source: Source, folder: string): number[] | undefined {
  const sockets = source.read(`${folder}/sockstat`, parseSockstat)
  if (sockets === undefined || sockets > CONNECTIONS_AT_MOST) return undefined
  const counts = new Map<string, number>()
  const read = source.read(`${folder}/tcp`, text => countTcp(text, counts) === undefined)
  if (read === undefined) return undefined
  source.read(`${folder}/tcp6`, text => countTcp(text, counts))
  return connectionStates.map(state => counts.get(state) ?? 0)
}
