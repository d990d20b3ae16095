/** Readers of Linux' /proc: text in, numbers out, nothing else. What is missing in the text is missing in the result. */

/** [seconds] of one logical CPU since boot, by mode. */
export interface CpuTimes {
  readonly cpu: number
  readonly user: number
  readonly nice: number
  readonly system: number
  readonly idle: number
  readonly iowait: number
  readonly interrupt: number
  readonly steal: number
}
export const cpuModes = ['user', 'nice', 'system', 'idle', 'iowait', 'interrupt', 'steal'] as const

export interface Stat {
  readonly cpus: readonly CpuTimes[]
  /** ms, Unix epoch */
  readonly bootMs: number | undefined
  /** processes and threads that were ever made */
  readonly created: number | undefined
}

/** The kernel counts in hundredths of a second whatever its own tick is. */
export const TICKS_A_SECOND = 100

/** /proc/stat */
export function parseStat(text: string): Stat {
  const cpus: CpuTimes[] = []
  for (const [, cpu, rest] of text.matchAll(/^cpu(\d+) +(.+)$/gm)) {
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = numbers(rest!).map(
      ticks => ticks / TICKS_A_SECOND,
    )
    cpus.push({ cpu: Number(cpu), user, nice, system, idle, iowait, interrupt: irq + softirq, steal })
  }
  const boot = after(text, 'btime ')
  return { cpus, bootMs: boot === undefined ? undefined : boot * 1000, created: after(text, 'processes ') }
}

export interface CpuInfo {
  /** distinct cores; undefined where the file does not say (it does not on ARM) */
  readonly physical: number | undefined
  /** [Hz] by logical CPU */
  readonly frequency: ReadonlyMap<number, number>
}

/** /proc/cpuinfo */
export function parseCpuInfo(text: string): CpuInfo {
  const cores = new Set<string>()
  const frequency = new Map<number, number>()
  for (const block of text.split('\n\n')) {
    const field = (name: string) => new RegExp(`^${name}\\s*:\\s*(.+)$`, 'm').exec(block)?.[1]
    const [processor, mhz, core] = [field('processor'), field('cpu MHz'), field('core id')]
    if (processor === undefined) continue
    if (mhz !== undefined) frequency.set(Number(processor), Math.round(Number(mhz) * 1e6))
    if (core !== undefined) cores.add(`${field('physical id') ?? 0}/${core}`)
  }
  return { physical: cores.size === 0 ? undefined : cores.size, frequency }
}

/** [bytes] by name, as in the file: `MemTotal`. /proc/meminfo */
export function parseMeminfo(text: string): Map<string, number> {
  const bytes = new Map<string, number>()
  for (const [, name, value, unit] of text.matchAll(/^(\S+):\s+(\d+)( kB)?$/gm)) {
    bytes.set(name!, Number(value) * (unit === undefined ? 1 : 1024))
  }
  return bytes
}

/** Over one, five and fifteen minutes. /proc/loadavg */
export function parseLoadavg(text: string): readonly [number, number, number] | undefined {
  const [one, five, fifteen] = numbers(text)
  return Number.isFinite(one) && Number.isFinite(five) && Number.isFinite(fifteen) ? [one!, five!, fifteen!] : undefined
}

export interface DiskStats {
  readonly device: string
  readonly reads: number
  readonly readsMerged: number
  readonly readBytes: number
  /** s, the sum over operations */
  readonly readTime: number
  readonly writes: number
  readonly writesMerged: number
  readonly writtenBytes: number
  readonly writeTime: number
  /** s, during which at least one operation was under way */
  readonly ioTime: number
}

/** The kernel counts in sectors of this size whatever the disk's own are. */
export const SECTOR_BYTES = 512
/** [bytes] of a page, on every machine that this runs on */
export const PAGE_BYTES = 4096

export const wordsByLine = (text: string): string[][] => text.split('\n').map(line => line.trim().split(/\s+/))

/** /proc/diskstats */
export function parseDiskstats(text: string): DiskStats[] {
  const disks: DiskStats[] = []
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/)
    const [reads, readsMerged, readSectors, readMs, writes, writesMerged, writtenSectors, writeMs, , ioMs] = words.slice(3).map(Number)
    if (ioMs === undefined) continue
    disks.push({
      device: words[2]!,
      reads: reads!,
      readsMerged: readsMerged!,
      readBytes: readSectors! * SECTOR_BYTES,
      readTime: readMs! / 1000,
      writes: writes!,
      writesMerged: writesMerged!,
      writtenBytes: writtenSectors! * SECTOR_BYTES,
      writeTime: writeMs! / 1000,
      ioTime: ioMs / 1000,
    })
  }
  return disks
}

export interface Traffic {
  readonly bytes: number
  readonly packets: number
  readonly errors: number
  readonly dropped: number
}
export interface NetDev {
  readonly name: string
  readonly receive: Traffic
  readonly transmit: Traffic
}

/** /proc/net/dev */
export function parseNetDev(text: string): NetDev[] {
  const devices: NetDev[] = []
  for (const [, name, rest] of text.matchAll(/^\s*([^\s:|]+):\s*(\d.*)$/gm)) {
    const n = numbers(rest!)
    if (n.length < 12) continue
    const traffic = (at: number): Traffic => ({ bytes: n[at]!, packets: n[at + 1]!, errors: n[at + 2]!, dropped: n[at + 3]! })
    devices.push({ name: name!, receive: traffic(0), transmit: traffic(8) })
  }
  return devices
}

/** The kernel's numbers for the states of a TCP connection, in OpenTelemetry's words. */
const tcpStates: Readonly<Record<string, string>> = {
  '01': 'established',
  '02': 'syn_sent',
  '03': 'syn_received',
  '04': 'fin_wait_1',
  '05': 'fin_wait_2',
  '06': 'time_wait',
  '07': 'closed',
  '08': 'close_wait',
  '09': 'last_ack',
  '0A': 'listen',
  '0B': 'closing',
  // accepted by the kernel, not yet by the program
  '0C': 'syn_received',
}
export const connectionStates = [...new Set(Object.values(tcpStates))]

/** Adds to `counts` how many connections are in which state. /proc/net/tcp, /proc/net/tcp6 */
export function countTcp(text: string, counts: Map<string, number>): void {
  for (const [, state] of text.matchAll(/^ *\d+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /gm)) {
    const word = tcpStates[state!]
    if (word !== undefined) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
}

/** [sockets] TCP, in use and waiting: how long /proc/net/tcp will be. /proc/net/sockstat */
export function parseSockstat(text: string): number | undefined {
  const match = /^TCP: inuse (\d+) .*?\btw (\d+)/m.exec(text)
  return match === null ? undefined : Number(match[1]) + Number(match[2])
}

/** Counters by name: `pgfault`. /proc/vmstat */
export function parseVmstat(text: string): Map<string, number> {
  const counters = new Map<string, number>()
  for (const [, name, value] of text.matchAll(/^(pg(?:pgin|pgout|fault|majfault)|pswpin|pswpout) (\d+)$/gm))
    counters.set(name!, Number(value))
  return counters
}

export interface Swap {
  readonly device: string
  /** bytes */
  readonly size: number
  readonly used: number
}

/** /proc/swaps */
export function parseSwaps(text: string): Swap[] {
  const swaps: Swap[] = []
  for (const [, device, size, used] of text.matchAll(/^(\/\S+|\S+)\s+(?:partition|file)\s+(\d+)\s+(\d+)/gm)) {
    swaps.push({ device: plain(device!), size: Number(size) * 1024, used: Number(used) * 1024 })
  }
  return swaps
}

export interface Mount {
  readonly device: string
  readonly mountpoint: string
  readonly type: string
  readonly mode: 'ro' | 'rw'
}

/** Each device at each place once. /proc/mounts */
export function parseMounts(text: string): Mount[] {
  const mounts = new Map<string, Mount>()
  for (const line of text.split('\n')) {
    const [device, mountpoint, type, options] = line.split(' ')
    if (options === undefined) continue
    const mode = options.split(',').includes('ro') ? 'ro' : 'rw'
    // What is mounted later at the same place hides what was there.
    mounts.set(mountpoint!, { device: plain(device!), mountpoint: plain(mountpoint!), type: type!, mode })
  }
  return [...mounts.values()]
}

/** Types that are not on a disk. /proc/filesystems */
export function parseVirtualTypes(text: string): Set<string> {
  return new Set([...text.matchAll(/^nodev\s+(\S+)$/gm)].map(([, type]) => type!).filter(type => type !== 'zfs'))
}

/** The kernel writes blanks in paths as octal: `\040`. */
const plain = (text: string) => text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))

/** s since boot. /proc/uptime */
export const parseUptime = (text: string): number | undefined => numbers(text)[0]

const processStates: Readonly<Record<string, string>> = {
  R: 'running',
  S: 'sleeping',
  D: 'sleeping',
  I: 'sleeping',
  W: 'sleeping',
  P: 'sleeping',
  T: 'stopped',
  t: 'stopped',
  Z: 'defunct',
  X: 'defunct',
  x: 'defunct',
}
export const processStateWords = ['running', 'sleeping', 'stopped', 'defunct'] as const

export interface PidStat {
  /** in OpenTelemetry's words */
  readonly state: string
  readonly threads: number
  /** bytes of address space */
  readonly virtual: number
}

/** /proc/PID/stat. The name in brackets may hold anything, brackets included. */
export function parsePidStat(text: string): PidStat | undefined {
  const words = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const state = processStates[words[0] ?? '']
  const [threads, virtual] = [Number(words[17]), Number(words[20])]
  return state === undefined || !Number.isFinite(threads) || !Number.isFinite(virtual) ? undefined : { state, threads, virtual }
}

/** [bytes] that really went to and came from disks. /proc/PID/io */
export function parsePidIo(text: string): { read: number; written: number } | undefined {
  const [read, written] = [after(text, 'read_bytes: '), after(text, 'write_bytes: ')]
  return read === undefined || written === undefined ? undefined : { read, written }
}

/** `NAME=value` and `NAME="value"`. /etc/os-release */
export function parseOsRelease(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^([A-Z_]+)=(?:"([^"]*)"|(.*))$/gm)].map(([, name, quoted, bare]) => [name!, quoted ?? bare ?? '']))
}

const numbers = (text: string): number[] => text.trim().split(/\s+/).map(Number)

/** The number behind `label` at the beginning of a line. */
function after(text: string, label: string): number | undefined {
  const at = text.startsWith(label) ? 0 : text.indexOf(`\n${label}`) + 1
  if (at === 0 && !text.startsWith(label)) return undefined
  const value = Number.parseInt(text.slice(at + label.length), 10)
  return Number.isFinite(value) ? value : undefined
}
