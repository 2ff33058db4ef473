import { Relay } from '../support/relay.ts'
import { Detour } from './detour.ts'
import { Nodes } from './nodes.ts'
import type {} from './page/main.ts'

/**
 * Milliseconds from the moment in which a network begins to drop UDP, which two browsers talk by, until something said goes there and back
 * again: through their relay.
 */
export async function udpDropped(): Promise<number> {
  await using stack = new AsyncDisposableStack()
  const relay = stack.use(await Relay.start('--no-app', '--no-webrtc'))
  const detour = stack.use(new Detour(0))
  const nodes = stack.use(await Nodes.meet(relay, 2, detour))
  const say = async (): Promise<number> =>
    (await nodes.pages[0]!.evaluate(() => window.bench.ask({ type: 'say' }))) as number
  await say()
  detour.block()
  return await say()
}
