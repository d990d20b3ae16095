/** Forms of the type multipart/form-data (RFC 7578): texts of which each has a name. Files are passed over, since no parameter is one. */
import { badData } from './answer.ts'

interface Part {
  /** UTF-8, hopefully */
  readonly name: Uint8Array
  readonly value: Uint8Array
}

/** What parts are kept apart by; undefined for another type. */
export function boundaryOf(type: string | undefined): string | undefined {
  const found = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(type ?? '')
  return found?.[1] ?? found?.[2]
}

/** @throws {ApiError} where it is cut short, or is no such form */
export function* partsOf(body: Buffer, boundary: string): Generator<Part, void> {
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
  // The first one may stand at the beginning, where no line ends before it.
  let from = body.indexOf(delimiter.subarray(2)) === 0 ? delimiter.length - 2 : end(body, delimiter, 0) + delimiter.length
  while (!isLast(body, from)) {
    const lines = body.indexOf('\r\n\r\n', from)
    if (lines < 0) throw cut()
    const next = end(body, delimiter, lines + 2)
    const name = nameOf(body.toString('latin1', from, lines))
    if (name !== undefined) yield { name: Buffer.from(name, 'latin1'), value: body.subarray(lines + 4, next) }
    from = next + delimiter.length
  }
}

const isLast = (body: Buffer, at: number): boolean => body[at] === 0x2d && body[at + 1] === 0x2d

/** Where the part ends that `from` is in. */
function end(body: Buffer, delimiter: Buffer, from: number): number {
  const at = body.indexOf(delimiter, from)
  if (at < 0) throw cut()
  return at
}

const cut = () => badData('error parsing form values: the multipart form is cut short')

/** Undefined for a file, and for what has no name. */
function nameOf(headers: string): string | undefined {
  const disposition = /^content-disposition:\s*form-data(.*)$/im.exec(headers)?.[1] ?? ''
  return /;\s*filename\*?=/i.test(disposition)
    ? undefined
    : /;\s*name=(?:"([^"]*)"|([^\s;]+))/i
        .exec(disposition)
        ?.slice(1)
        .find(one => one !== undefined)
}
