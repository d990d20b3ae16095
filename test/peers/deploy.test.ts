/** What deploy/ ships is accepted by those who read it, and does what it promises. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { Folder, finish, freePorts, get, LOOPBACK, Server } from './kit/process.ts'
import { node, program } from './kit/servers.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MANIFEST = `${ROOT}deploy/kubernetes.yaml`
const bin = `${ROOT}bin/thalamus.js`

describe('kubernetes.yaml', () => {
  const documents = parseAllDocuments(readFileSync(MANIFEST, 'utf8')).map(document => document.toJS())
  const find = (kind: string) => documents.find(document => document.kind === kind)
  const pod = find('StatefulSet').spec.template.spec
  const [container] = pod.containers
  const settings = parse(find('ConfigMap').data['thalamus.yaml'])

  test("Kubernetes' own types take every field of it", async () => {
    expect((await finish(program('kubernetes'), [MANIFEST])).trim().split('\n')).toEqual([
      'Namespace observability',
      'ServiceAccount thalamus',
      'ConfigMap thalamus',
      'Service thalamus',
      'StatefulSet thalamus',
    ])
  })
  test('Thalamus takes the configuration in it', async () => {
    using folder = new Folder()
    const file = folder.write('thalamus.yaml', settings)
    expect(await finish(node(), [bin, 'check', file])).toContain('thalamus.yaml: ok')
  })
  test('the ports are those that it listens on', () => {
    const listening = [
      settings.receivers.otlp.protocols.grpc.endpoint,
      settings.receivers.otlp.protocols.http.endpoint,
      settings.exporters.prometheus.endpoint,
      settings.extensions.health_check.endpoint,
      `0.0.0.0:${settings.service.telemetry.metrics.readers[0].pull.exporter.prometheus.port}`,
    ]
    const opened = container.ports.map((port: { containerPort: number }) => `0.0.0.0:${port.containerPort}`)
    expect(opened.toSorted()).toEqual(listening.toSorted())
  })
  test('least privilege', () => {
    expect(pod).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } })
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  })
  test('a queue on disk has a volume, and the rest is not written to', () => {
    expect(container.volumeMounts).toContainEqual({ name: 'queue', mountPath: settings.extensions.file_storage.directory })
  })
})

test('thalamus.service: systemd finds nothing wrong with it, and little exposed', async () => {
  const unit = `${ROOT}deploy/thalamus.service`
  expect(await finish('systemd-analyze', ['verify', unit])).toBe('')
  const verdict = await finish('systemd-analyze', ['security', '--offline=true', unit])
  expect(Number(/exposure level for thalamus\.service: ([\d.]+)/.exec(verdict)?.[1])).toBeLessThan(3)
})

test('it runs as nobody, with no capability, on a read-only root, as the image and the pod have it', async () => {
  const [health, ...others] = await freePorts(5)
  const endpoints = ['receivers.otlp.protocols.http', 'receivers.otlp.protocols.grpc', 'exporters.prometheus', 'service.api']
  const sets = [
    'service.telemetry.metrics.level=none',
    `extensions.health_check.endpoint=${LOOPBACK}:${health}`,
    ...endpoints.map((path, i) => `${path}.endpoint=${LOOPBACK}:${others[i]}`),
  ]
  const unprivileged = '--reuid 65534 --regid 65534 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all'
  const command = `mount -o remount,bind,ro / && ! touch /tmp/written 2>/dev/null && exec setpriv ${unprivileged} "$@"`
  const healthy = () => get(`http://${LOOPBACK}:${health}/healthz`).then(body => body.includes('"healthy"'))
  await using server = await Server.start({
    file: 'unshare',
    args: ['--mount', '--propagation', 'private', 'sh', '-c', command, 'sh', node(), bin, ...sets.flatMap(set => ['--set', set])],
    ready: () => healthy().catch(() => false),
  })
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  expect(/^Uid:\s+65534/m.test(status)).toBe(true)
  expect(/^CapEff:\s+0+$/m.test(status)).toBe(true)
  expect(await server.stop('SIGTERM')).toBe(0)
})

test('Dockerfile: an ordinary user, no scripts of others, and a health check that is a program', async () => {
  const text = readFileSync(`${ROOT}deploy/Dockerfile`, 'utf8')
  // One of the shop, one of Thalamus.
  expect(text.match(/^USER .*$/gm)).toEqual(['USER node', 'USER node'])
  expect(text.match(/npm install (--global )?--omit=dev --ignore-scripts/g)).toHaveLength(2)
  const command = JSON.parse(/^HEALTHCHECK .*\\\n\s+CMD (\[.*\])$/m.exec(text)?.[1] ?? 'null') as string[]
  // Nothing listens where it looks, or something that is healthy does: it must say which, and end.
  const ended = (() => {
    try {
      execFileSync(node(), command.slice(1), { timeout: 5000, stdio: 'pipe' })
      return 0
    } catch (error) {
      return (error as { status: number }).status
    }
  })()
  expect(ended).toBe((await get('http://127.0.0.1:13133/healthz').catch(() => undefined)) === undefined ? 1 : 0)
})
