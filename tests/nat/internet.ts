import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryDatastore } from 'datastore-core'
import { systemClock } from '#lib/protocol/seams.ts'
import { httpsCertificate } from '#relay/https-certificate.ts'
import { Namespace } from './namespace.ts'
import { ends, said } from './program.ts'

/** Public addresses: TURN relays to no private one, and browsers ask before they leave the internet for one. */
const RELAY = '11.0.0.1'
const PROBES = ['11.0.0.2', '11.0.0.3'] as const

const PORT = 8443

/** What everybody reaches: a relay with TURN beside it, and a STUN server that probes ask. */
export class Internet implements AsyncDisposable {
  readonly namespace: Namespace
  readonly origin = `https://${RELAY}:${PORT}`
  readonly probes = PROBES
  readonly #stack: AsyncDisposableStack

  private constructor(namespace: Namespace, stack: AsyncDisposableStack) {
    this.namespace = namespace
    this.#stack = stack
  }

  static async start(): Promise<Internet> {
    await using stack = new AsyncDisposableStack()
    const folder = await mkdtemp(join(tmpdir(), 'starling-nat-'))
    stack.defer(() => rm(folder, { recursive: true, force: true }))
    const namespace = stack.use(await Namespace.make('internet'))
    for (const address of [RELAY, ...PROBES]) {
      await namespace.run('ip', 'address', 'add', `${address}/32`, 'dev', 'lo')
    }
    const config = join(folder, 'probes.conf')
    await writeFile(config, probesConfig(folder))
    stack.defer(ends(namespace.spawn('turnserver', '-c', config)))
    const [cert, key] = [join(folder, 'turn.pem'), join(folder, 'turn.key')]
    const certificate = await httpsCertificate({
      datastore: new MemoryDatastore(),
      clock: systemClock,
    })
    await writeFile(cert, certificate.cert)
    await writeFile(key, certificate.key, { mode: 0o600 })
    const relay = namespace.spawn(
      ...[process.execPath, 'relay-node/src/main.ts'],
      ...['--host', RELAY, '--port', String(PORT), '--https', '--data', join(folder, 'relay')],
      ...['--no-mdns', '--no-webrtc', '--turn', 'coturn', '--turn-tls-port', '443'],
      // As if somebody vouched for it, whom the browsers here do not ask: else `turns:` is not offered.
      ...['--turn-cert', cert, '--turn-key', key],
    )
    stack.defer(ends(relay))
    await said(relay, 'Starling is at')
    return new Internet(namespace, stack.move())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }
}

/** With two addresses coturn answers from the other one when it is asked to (RFC 5780). */
function probesConfig(folder: string): string {
  return [
    ...PROBES.map((address) => `listening-ip=${address}`),
    ...['listening-port=3478', 'alt-listening-port=3479', 'stun-only', 'no-tls', 'no-dtls'],
    ...['no-cli', 'log-file=stdout', 'simple-log'],
    ...[`userdb=${join(folder, 'turndb')}`, `pidfile=${join(folder, 'probes.pid')}`, ''],
  ].join('\n')
}
