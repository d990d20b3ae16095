/** Ports of this machine that nobody listens on. */
import { createServer } from 'node:net'

/** @returns `port` or the next that is free on the loopback address, of a hundred; else `port` */
export async function firstFree(port: number, host = '127.0.0.1'): Promise<number> {
  for (let tried = port; tried < port + 100; tried++) if (await isFree(tried, host)) return tried
  return port
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
