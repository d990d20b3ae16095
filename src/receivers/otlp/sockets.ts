import type { Server, Socket } from 'node:net'

/** Every connection of a server, also one that has not got as far as a request: Node's own lists begin there. */
export class Sockets {
  readonly #open = new Set<Socket>()

  constructor(server: Server) {
    server.on('connection', socket => {
      this.#open.add(socket)
      socket.once('close', () => this.#open.delete(socket))
    })
  }

  destroy(): void {
    for (const socket of this.#open) socket.destroy()
  }

  /** Those that never said a word: nothing of theirs is under way, and nobody knows how long they would stay. */
  destroyTheSilent(): void {
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy()
  }
}

/** Closes; what is under way ends by itself, or is cut off when `signal` aborts. */
export function close(server: Server, sockets: Sockets, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const cut = () => sockets.destroy()
    server.close(() => {
      signal.removeEventListener('abort', cut)
      resolve()
    })
    sockets.destroyTheSilent()
    if (signal.aborted) cut()
    else signal.addEventListener('abort', cut, { once: true })
  })
}
