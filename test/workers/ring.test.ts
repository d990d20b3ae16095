/** Both ends of a ring in one thread: what is written comes out, in order, and nobody is called for nothing. */
import { describe, expect, test } from 'vitest'
import { frameHeader, newRing, type ReadFrame, RingReader, RingWriter } from '../../src/workers/ring.ts'

/** A ring of `bytes`, and how often each side has been sent a message. */
function ring(bytes: number) {
  const memory = newRing(bytes)
  const sent = { calls: 0, tells: 0 }
  const writer = new RingWriter(memory, () => void sent.calls++)
  const reader = new RingReader(memory, () => void sent.tells++)
  return { writer, reader, sent }
}
/** Its columns are `size` bytes, and its bytes in two pieces, all of them `mark`. */
const frame = (mark: number, size: number, bytes = 0) => ({
  kind: mark,
  columns: new Uint8Array(size).fill(mark),
  bytes: [new Uint8Array(bytes >> 1).fill(mark), new Uint8Array(bytes - (bytes >> 1)).fill(mark)],
})
/** What came out, copied: the next one is written over it. */
function shown({ kind, words, bytes, size }: ReadFrame) {
  const columns = size - frameHeader - ((bytes.length + 7) & ~7)
  return { kind, columns: [...new Uint8Array(words.buffer, frameHeader, columns)], bytes: [...bytes] }
}
const expected = (mark: number, size: number, bytes = 0) => ({
  kind: mark,
  columns: new Array(size).fill(mark),
  bytes: new Array(bytes).fill(mark),
})
const settled = (promise: Promise<unknown>) =>
  Promise.race([promise.then(() => true), new Promise<boolean>(resolve => setImmediate(resolve, false))])

test('frames of all sizes come out as they went in, many times around', () => {
  const { writer, reader } = ring(256)
  const sizes = Array.from({ length: 200 }, (_, i) => ({ mark: i % 251, columns: ((i * 7) % 12) * 8, bytes: (i * 5) % 61 }))
  const out: unknown[] = []
  for (const { mark, columns, bytes } of sizes) {
    void writer.write(frame(mark, columns, bytes))
    if (mark % 3 === 0) continue
    for (let read = reader.read(); read !== undefined; read = reader.read()) {
      out.push(shown(read))
      writer.goOn()
    }
  }
  expect(out).toEqual(sizes.slice(0, out.length).map(({ mark, columns, bytes }) => expected(mark, columns, bytes)))
  expect(out.length).toBeGreaterThan(190)
})

describe('a full ring', () => {
  test('makes the writer wait, in order, until the reader tells that there is room', async () => {
    const { writer, reader, sent } = ring(64)
    const [first, second, third] = [writer.write(frame(1, 32)), writer.write(frame(2, 32)), writer.write(frame(3, 8))]
    expect([await settled(first), await settled(second), await settled(third)]).toEqual([true, false, false])
    expect(writer.full).toBe(true)
    expect(shown(reader.read()!)).toEqual(expected(1, 32))
    expect(reader.read()).toBeUndefined()
    expect(sent.tells).toBe(1)
    writer.goOn()
    expect([await settled(second), await settled(third), writer.full]).toEqual([true, true, false])
    expect([shown(reader.read()!), shown(reader.read()!)]).toEqual([expected(2, 32), expected(3, 8)])
    expect(sent.tells).toBe(1)
  })

  test('passes a frame that is larger than itself in parts', async () => {
    const { writer, reader, sent } = ring(64)
    const written = writer.write(frame(7, 320, 13))
    let read = reader.read()
    for (let parts = 0; read === undefined && parts < 20; parts++) {
      expect(await settled(written)).toBe(false)
      expect(sent.tells).toBe(parts + 1)
      writer.goOn()
      read = reader.read()
    }
    expect(shown(read!)).toEqual(expected(7, 320, 13))
    expect(await settled(written)).toBe(true)
  })

  test('keeps what a writer that is gone had begun to write to itself', () => {
    const { writer, reader } = ring(64)
    void writer.write(frame(1, 16))
    void writer.write(frame(2, 640))
    expect(shown(reader.read()!)).toEqual(expected(1, 16))
    expect([reader.read(), reader.unread]).toEqual([undefined, 0])
  })
})

describe('the reader is called', () => {
  test('once, when it sleeps', () => {
    const { writer, reader, sent } = ring(256)
    void writer.write(frame(1, 8))
    void writer.write(frame(2, 8))
    expect(sent.calls).toBe(1)
    reader.awake()
    while (reader.read() !== undefined);
    expect(reader.sleep()).toBe(true)
    void writer.write(frame(3, 8))
    expect(sent.calls).toBe(2)
  })

  test('not while it looks by itself, unless half of the ring is full', () => {
    const { writer, reader, sent } = ring(256)
    reader.awake()
    void writer.write(frame(1, 64))
    expect(sent.calls).toBe(0)
    void writer.write(frame(2, 64))
    expect(sent.calls).toBe(1)
    void writer.write(frame(3, 8))
    expect(sent.calls).toBe(1)
  })

  test('and does not fall asleep over what has just come', () => {
    const { writer, reader, sent } = ring(256)
    reader.awake()
    void writer.write(frame(1, 8))
    expect(reader.sleep()).toBe(false)
    void writer.write(frame(2, 8))
    expect(sent.calls).toBe(0)
    expect([shown(reader.read()!), shown(reader.read()!)]).toEqual([expected(1, 8), expected(2, 8)])
    expect(reader.sleep()).toBe(true)
  })
})
