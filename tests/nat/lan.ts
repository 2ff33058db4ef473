import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Namespace } from './namespace.ts'
import { ends, said } from './program.ts'

const HOSTS = ['192.168.7.1', '192.168.7.2'] as const
const ORIGIN = 'http://127.0.0.1:8787'

/** They announce themselves at once, and visit who is new within a minute. */
const PATIENCE_MS = 150_000

/**
 * Two relays on one network, neither of which was told of the other: they find each other by mDNS. Resolves with how long it took
 * until each knows the other, in ms.
 * @param stack what runs for it ends with this
 * @throws Error when they do not find each other
 */
export async function runLan(stack: AsyncDisposableStack): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-lan-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const one = stack.use(await Namespace.make('lan-one'))
  const other = stack.use(await Namespace.make('lan-other'))
  await one.link(['lan', `${HOSTS[0]}/24`], other, ['lan', `${HOSTS[1]}/24`])
  await one.routeBy(HOSTS[1])
  await other.routeBy(HOSTS[0])
  const startedMs = performance.now()
  for (const [n, namespace] of [one, other].entries()) {
    const relay = namespace.spawn(
      ...[process.execPath, 'relay-node/src/main.ts', '--no-app', '--no-webrtc'],
      ...['--host', '0.0.0.0', '--port', new URL(ORIGIN).port, '--data', join(folder, String(n))],
    )
    stack.defer(ends(relay))
    await said(relay, 'A Starling relay is at')
  }
  for (const namespace of [one, other]) {
    while (!(await knowsAnother(namespace))) {
      if (performance.now() - startedMs > PATIENCE_MS) throw new Error('the relays stay strangers')
      await delay(1_000)
    }
  }
  return Math.round(performance.now() - startedMs)
}

/** What the relay there tells its operator. */
async function knowsAnother(namespace: Namespace): Promise<boolean> {
  const ask = `process.stdout.write(await (await fetch('${ORIGIN}/metrics')).text())`
  const metrics = await namespace.run(process.execPath, '--input-type=module', '-e', ask)
  return /^starling_relay_known_relays 1$/m.test(metrics)
}
