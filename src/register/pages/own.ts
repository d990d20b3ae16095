/** Our own exposition. */
import { PageReader } from '../page.ts'

export async function startPage(host: string, port: number, next: boolean): Promise<{ reader: PageReader; url: string }> {
  const reader = new PageReader()
  return { reader, url: await reader.listen(host, port, next) }
}
