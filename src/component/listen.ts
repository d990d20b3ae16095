import { createServer, type Server } from 'node:net'
import { StartError } from './errors.ts'

/** Where something of a component listens. */
export interface Place {
  /** its id */
  readonly component: string
  readonly what: string
  readonly url: string
}

/** How several threads listen on one port: the kernel gives each connection to one of them. */
export interface SharedPorts {
  /** the port that the first of them was given, by where it was asked for, and which */
  readonly bound: Map<string, number>
  /** it is the first to listen: nobody else must have the port */
  readonly first: boolean
}

/**
 * Binds a server, or says in one line why not.
 * @param setting where the address was configured, e.g. `receivers.otlp.protocols.http.endpoint`
 * @returns `http://host:port` as bound (port 0 becomes the one that was given)
 * @throws {StartError}
 */
export async function listen(
  server: Server,
  name: string,
  port: number,
  setting: string,
  scheme = 'http',
  shared?: SharedPorts,
): Promise<string> {
  // As the Collector does: "localhost" may have two addresses, and everybody knows this one.
  const host = name === 'localhost' ? '127.0.0.1' : name
  if (shared === undefined) return listenAt(server, { host, port }, setting, scheme)
  const asked = `${setting} ${host}:${port}`
  const known = shared.bound.get(asked)
  const wanted = known ?? port
  if (shared.first && wanted !== 0 && known === undefined) await checkFree(host, wanted, setting)
  const url = await listenAt(server, { host, port: wanted, reusePort: true }, setting, scheme)
  shared.bound.set(asked, Number(/:(\d+)$/.exec(url)![1]))
  return url
}

/** Ports that are shared can be had beside another program that shares them, too: which would take our connections. */
async function checkFree(host: string, port: number, setting: string): Promise<void> {
  const alone = createServer()
  await listenAt(alone, { host, port }, setting, '')
  await new Promise(resolve => alone.close(resolve))
}

function listenAt(server: Server, at: { host: string; port: number; reusePort?: true }, setting: string, scheme: string): Promise<string> {
  const { host, port } = at
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => reject(cannotListen(error, host, port, setting))
    server.once('error', failed)
    server.listen(at, () => {
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
    case 'ENOTSUP':
      return new StartError(`${setting}: this system cannot share a port between threads`, {
        cause: error,
        remedy: 'set service.workers to 1',
      })
    default:
      return new StartError(`${setting}: cannot listen on ${address}: ${error.message}`, { cause: error })
  }
}
