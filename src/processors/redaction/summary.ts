/** What was done to the attributes of one message, told in attributes of its own. */

import { readValue } from '../../otlp/attributes.ts'
import type { AttributeList } from '../../otlp/edit.ts'
import { encodeValue, textOf, valueType } from '../../otlp/value.ts'

export class Summary {
  readonly redacted: string[] = []
  readonly masked: string[] = []
  readonly allowed: string[] = []
  readonly ignored: string[] = []
  readonly #level: 'silent' | 'info' | 'debug'

  constructor(level: 'silent' | 'info' | 'debug') {
    this.#level = level
  }

  /** What a processor before has told already is added to. @param prefix `redaction`, or `redaction.body` */
  tell(list: AttributeList, prefix: string): void {
    if (this.#level === 'silent') return
    for (const what of ['redacted', 'masked', 'allowed', 'ignored'] as const) {
      const keys = this[what]
      if (keys.length === 0) continue
      // What is ignored may be secret by its key.
      if (this.#level === 'debug' && what !== 'ignored') this.#tellKeys(list, `${prefix}.${what}.keys`, keys)
      const before = list.get(`${prefix}.${what}.count`)
      const count = before !== undefined && valueType(before, 0, before.length) === 'int' ? Number(readValue(before, 0, before.length)) : 0
      list.put(`${prefix}.${what}.count`, encodeValue(count + keys.length))
    }
  }

  #tellKeys(list: AttributeList, name: string, keys: readonly string[]): void {
    const before = list.get(name)
    const told = before !== undefined && valueType(before, 0, before.length) === 'string' ? textOf(before, 0, before.length) : ''
    const all = told === '' ? [...keys] : [...keys, ...told.split(',')]
    all.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    list.put(name, encodeValue(all.join(',')))
  }
}
