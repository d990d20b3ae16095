import type { Format } from '../../exposition/read.ts'

const eof = Buffer.from('# EOF')

/** [bytes] of the page without the line that ends it; -1 where it does not end as it must */
export function bodyEnd(page: Uint8Array, format: Format): number {
  const size = page.length
  if (format === 'text') return size === 0 || page[size - 1] === 0x0a ? size : -1
  const end = page[size - 1] === 0x0a ? size - 1 : size
  const from = end - eof.length
  if (format === 'protobuf' || from < 0 || (from > 0 && page[from - 1] !== 0x0a)) return -1
  return eof.every((byte, i) => page[from + i] === byte) ? from : -1
}
