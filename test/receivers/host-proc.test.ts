import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as proc from '../../src/receivers/host/proc.ts'

describe('/proc, as written by kernels', () => {
  test('stat', () => {
    const text = `cpu  14134 79761 14864 336177 1155 0 350 403 0 0
cpu0 6292 38571 6955 171096 152 10 156 215 0 0
cpu11 7841 41189 7908 165080
intr 3057254 0 0
ctxt 4075141
btime 1795251138
processes 36571
procs_running 2
`
    expect(proc.parseStat(text)).toEqual({
      cpus: [
        { cpu: 0, user: 62.92, nice: 385.71, system: 69.55, idle: 1710.96, iowait: 1.52, interrupt: 1.6600000000000001, steal: 2.15 },
        { cpu: 11, user: 78.41, nice: 411.89, system: 79.08, idle: 1650.8, iowait: 0, interrupt: 0, steal: 0 },
      ],
      bootMs: 1_795_251_138_000,
      created: 36571,
    })
    expect(proc.parseStat('')).toEqual({ cpus: [], bootMs: undefined, created: undefined })
  })

  test('cpuinfo', () => {
    const block = (n: number, socket: number, core: number) =>
      `processor\t: ${n}\nmodel name\t: X\ncpu MHz\t\t: 2700.123\nphysical id\t: ${socket}\ncore id\t\t: ${core}\n`
    const info = proc.parseCpuInfo([block(0, 0, 0), block(1, 0, 0), block(2, 1, 0), ''].join('\n'))
    expect(info.physical).toBe(2)
    expect([...info.frequency]).toEqual([
      [0, 2_700_123_000],
      [1, 2_700_123_000],
      [2, 2_700_123_000],
    ])
    const arm = proc.parseCpuInfo('processor\t: 0\nBogoMIPS\t: 48.00\n\nprocessor\t: 1\nBogoMIPS\t: 48.00\n')
    expect(arm).toEqual({ physical: undefined, frequency: new Map() })
  })

  test('meminfo', () => {
    const bytes = proc.parseMeminfo(
      'MemTotal:       24684096 kB\nMemAvailable:   24024504 kB\nActive(anon):   12 kB\nHugePages_Total:       7\n',
    )
    expect(Object.fromEntries(bytes)).toEqual({
      MemTotal: 24684096 * 1024,
      MemAvailable: 24024504 * 1024,
      'Active(anon)': 12 * 1024,
      HugePages_Total: 7,
    })
  })

  test('loadavg', () => {
    expect(proc.parseLoadavg('0.23 0.20 0.35 2/101 4106\n')).toEqual([0.23, 0.2, 0.35])
    expect(proc.parseLoadavg('')).toBeUndefined()
  })

  test('diskstats, with the fields of old kernels and of new ones', () => {
    const text = ` 254       0 vda 260394 51880 14483786 95683 47848 262778 25251488 52356 0 19680 149838 24879 22 4385856 1780 1225 17
   8       1 sda1 1 2 3 4000 5 6 7 8000 0 9000 11
   8       2 short 1 2
`
    expect(proc.parseDiskstats(text)).toEqual([
      {
        device: 'vda',
        reads: 260394,
        readsMerged: 51880,
        readBytes: 14483786 * 512,
        readTime: 95.683,
        writes: 47848,
        writesMerged: 262778,
        writtenBytes: 25251488 * 512,
        writeTime: 52.356,
        ioTime: 19.68,
      },
      {
        device: 'sda1',
        reads: 1,
        readsMerged: 2,
        readBytes: 1536,
        readTime: 4,
        writes: 5,
        writesMerged: 6,
        writtenBytes: 3584,
        writeTime: 8,
        ioTime: 9,
      },
    ])
  })

  test('net/dev, also where no blank follows the colon', () => {
    const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 2460263    7687    0    0    0     0          0         0  2460263    7687    0    0    0     0       0          0
  eth0:1271636094   68607    1    2    0     0          0         0  5521588   55383    3    4    0     0       0          0
`
    expect(proc.parseNetDev(text)).toEqual([
      {
        name: 'lo',
        receive: { bytes: 2460263, packets: 7687, errors: 0, dropped: 0 },
        transmit: { bytes: 2460263, packets: 7687, errors: 0, dropped: 0 },
      },
      {
        name: 'eth0',
        receive: { bytes: 1271636094, packets: 68607, errors: 1, dropped: 2 },
        transmit: { bytes: 5521588, packets: 55383, errors: 3, dropped: 4 },
      },
    ])
  })

  test('net/tcp and net/tcp6', () => {
    const counts = new Map<string, number>()
    proc.countTcp(
      `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1145 1 0 100 0 0 10 0
   1: 0100007F:961E 0100007F:B20B 06 00000000:00000000 03:0000045E 00000000     0        0 0 3 0
  10: 0100007F:961E 0100007F:B20B 01 00000000:00000000 03:0000045E 00000000     0        0 0 3 0
`,
      counts,
    )
    proc.countTcp(
      `  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
`,
      counts,
    )
    expect(Object.fromEntries(counts)).toEqual({ listen: 2, time_wait: 1, established: 1 })
  })

  test('net/sockstat', () => {
    expect(proc.parseSockstat('sockets: used 15\nTCP: inuse 1 orphan 0 tw 45 alloc 1 mem 1\nUDP: inuse 0 mem 0\n')).toBe(46)
    expect(proc.parseSockstat('')).toBeUndefined()
  })

  test('vmstat', () => {
    const text = 'nr_free_pages 2128397\npgpgin 1\npgpgout 2\npswpin 3\npswpout 4\npgfault 50\npgmajfault 6\npgfault_x 7\n'
    expect(Object.fromEntries(proc.parseVmstat(text))).toEqual({ pgpgin: 1, pgpgout: 2, pswpin: 3, pswpout: 4, pgfault: 50, pgmajfault: 6 })
  })

  test('swaps', () => {
    const text =
      'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/dm-1                               partition\t1003516\t500\t-2\n/a\\040b file 8 4 -3\n'
    expect(proc.parseSwaps(text)).toEqual([
      { device: '/dev/dm-1', size: 1003516 * 1024, used: 500 * 1024 },
      { device: '/a b', size: 8192, used: 4096 },
    ])
  })

  test('mounts: what is mounted later at a place hides what was there', () => {
    const text = `proc /proc proc rw,relatime 0 0
/dev/vda / ext4 ro,relatime 0 0
tmpfs /mnt tmpfs rw 0 0
/dev/sdb1 /mnt xfs rw,errors=remount-ro 0 0
/dev/sdc1 /a\\040b\\134c ext4 rw 0 0
`
    expect(proc.parseMounts(text)).toEqual([
      { device: 'proc', mountpoint: '/proc', type: 'proc', mode: 'rw' },
      { device: '/dev/vda', mountpoint: '/', type: 'ext4', mode: 'ro' },
      { device: '/dev/sdb1', mountpoint: '/mnt', type: 'xfs', mode: 'rw' },
      { device: '/dev/sdc1', mountpoint: '/a b\\c', type: 'ext4', mode: 'rw' },
    ])
  })

  test('filesystems', () => {
    expect([...proc.parseVirtualTypes('nodev\tsysfs\nnodev\ttmpfs\n\text4\nnodev\tzfs\n\tbtrfs\n')]).toEqual(['sysfs', 'tmpfs'])
  })

  test('uptime', () => expect(proc.parseUptime('2238.18 3361.77\n')).toBe(2238.18))

  test.each([
    ['an ordinary name', '4112 (head) R 4037 4037 26081 0 -1 4194304 103 0 0 0 0 0 0 0 20 0 3 0 223818 2998272 391', 'running', 3, 2998272],
    ['a name of brackets and blanks', '1 (a) Z (b)) S 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 1 4096 1', 'sleeping', 1, 4096],
    ['one that waits for the disk', '1 (x) D 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0 1', 'sleeping', 1, 0],
    ['a dead one', '1 (x) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1 0 1', 'defunct', 1, 0],
  ])('PID/stat: %s', (_, text, state, threads, virtual) => {
    expect(proc.parsePidStat(text)).toEqual({ state, threads, virtual })
  })

  test('PID/stat of something else', () => {
    for (const text of ['', '1 (x)', '1 (x) Q 1', 'nonsense']) expect(proc.parsePidStat(text)).toBeUndefined()
  })

  test('PID/io', () => {
    expect(proc.parsePidIo('rchar: 6976\nwchar: 0\nread_bytes: 5\nwrite_bytes: 7\ncancelled_write_bytes: 0\n')).toEqual({
      read: 5,
      written: 7,
    })
    expect(proc.parsePidIo('rchar: 1\n')).toBeUndefined()
  })

  test('os-release', () => {
    expect(Object.fromEntries(proc.parseOsRelease('PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_ID=12\n# c\n'))).toEqual({
      PRETTY_NAME: 'Debian GNU/Linux 12',
      VERSION_ID: '12',
    })
  })
})

describe.runIf(existsSync('/proc/stat'))('the /proc of this machine', () => {
  const read = (path: string) => readFileSync(`/proc/${path}`, 'utf8')
  test('is understood', () => {
    const stat = proc.parseStat(read('stat'))
    expect(stat.cpus.length).toBeGreaterThan(0)
    expect(stat.cpus[0]!.idle).toBeGreaterThan(0)
    expect(stat.bootMs).toBeGreaterThan(1.5e12)
    expect(stat.created).toBeGreaterThan(0)
    expect(proc.parseMeminfo(read('meminfo')).get('MemTotal')).toBeGreaterThan(1e6)
    expect(proc.parseLoadavg(read('loadavg'))).toHaveLength(3)
    expect(proc.parseNetDev(read('net/dev')).map(d => d.name)).toContain('lo')
    expect(proc.parseVmstat(read('vmstat')).get('pgfault')).toBeGreaterThan(0)
    expect(proc.parseMounts(read('self/mounts')).map(m => m.mountpoint)).toContain('/')
    expect(proc.parseUptime(read('uptime'))).toBeGreaterThan(0)
    expect(proc.parsePidStat(read('self/stat'))).toMatchObject({ threads: expect.any(Number), virtual: expect.any(Number) })
  })
})
