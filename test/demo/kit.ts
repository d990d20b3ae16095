/** The services of the shop as processes of their own, on ports that are free. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const SHOP = `${ROOT}demo/shop`
/** The Node that the package brings: the one of the PATH may be too old. */
export const node = createRequire(import.meta.url).resolve('node/bin/node')

export class Service implements AsyncDisposable {
  readonly url: string
  readonly #child: ChildProcess
  private constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }
  /** @throws when it ends before it says where it listens, with what it printed */
  static async start(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = SHOP): Promise<Service> {
    const child = spawn(node, args, { cwd, env: { ...process.env, LISTEN: '127.0.0.1:0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stderr.on('data', chunk => (output += chunk))
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout.on('data', chunk => {
        output += chunk
        const [, said] = / listens on (http:\S+)/.exec(output) ?? []
        if (said !== undefined) resolve(said)
      })
      child.on('error', reject)
      child.on('exit', code => reject(new Error(`${args.join(' ')} ended with ${code}\n${output}`)))
    })
    return new Service(child, url)
  }
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
  }
}

/** stock, orders and gateway, each told where the ones before it are. */
export async function startShop(
  flags: readonly string[] = [],
  env: (service: string) => Readonly<Record<string, string>> = () => ({}),
  folder = SHOP,
): Promise<Readonly<Record<'gateway' | 'orders' | 'stock', Service>>> {
  const stock = await Service.start([...flags, 'stock.cjs'], env('stock'), folder)
  const orders = await Service.start([...flags, 'orders.ts'], { STOCK_URL: stock.url, ...env('orders') }, folder)
  const urls = { STOCK_URL: stock.url, ORDERS_URL: orders.url }
  const gateway = await Service.start([...flags, 'gateway.js'], { ...urls, ...env('gateway') }, folder)
  return { gateway, orders, stock }
}
