import type { Server } from 'node:net'
import { StartError } from './errors.ts'

/**
 * Binds a server, or says in one line why not.
 * @param setting where the address was configured, e.g. `receivers.otlp.protocols.http.endpoint`
 * @returns `http://host:port` as bound (port 0 becomes the one that was given)
 * @throws {StartError}
 */
export function listen(server: Server, host: string, port: number, setting: string, scheme = 'http'): Promise<string> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(cannotListen(error, host, port, setting))
    server.once('error', failed)
    server.listen({ host, port }, () => {
      server.off('error', failed)
      // Without a listener an accept that fails (too many open files) would end the process.
      server.on('error', () => {})
      const bound = server.address()
      const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port
      resolve(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${boundPort}`)
    })
  })
}

function cannotListen(error: NodeJS.ErrnoException, host: string, port: number, setting: string): StartError {
  const address = `${host}:${port}`
  switch (error.code) {
    case 'EADDRINUSE':
      return new StartError(`${setting}: ${address} is taken`, {
        cause: error,
        remedy: `stop the other program, or set ${setting}`,
        taken: true,
      })
    case 'EACCES':
      return new StartError(`${setting}: no permission to listen on ${address}`, {
        cause: error,
        remedy: 'ports below 1024 need a privilege: choose a higher one',
      })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new StartError(`${setting}: ${JSON.stringify(host)} is not an address of this machine`, {
        cause: error,
        remedy: 'listen on 127.0.0.1, or on 0.0.0.0 for all addresses',
      })
    default:
      return new StartError(`${setting}: cannot listen on ${address}: ${error.message}`, { cause: error })
  }
}
