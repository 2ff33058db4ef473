import { Relay } from '../support/relay.ts'
import { Detour } from './detour.ts'
import { row, type Row } from './measure.ts'
import { Nodes } from './nodes.ts'
import type {} from './page/main.ts'

/** Each way, as between two continents. */
const DELAY_MS = 50

/** Each way: a bad line. One in ten round trips loses something. */
const LOSS = 0.05

/** Of a frame that goes there and back, with nothing behind it. */
const BYTES = 32

/** Round trips over a channel of the node, one after the other, on a long line that loses packets. */
export async function lossyLineRow(roundTrips: number): Promise<Row> {
  await using stack = new AsyncDisposableStack()
  const relay = stack.use(await Relay.start())
  const detour = stack.use(new Detour(DELAY_MS, LOSS))
  const nodes = stack.use(await Nodes.meet(relay, 2, detour))
  const order = {
    type: 'echo',
    rounds: roundTrips,
    bytes: BYTES,
    sealed: 'nothing',
    together: 1,
  } as const
  const ms = await nodes.pages[0]!.evaluate((it) => window.bench.ask(it), order)
  return row('message.lossy-line', 'ms', ms as number[])
}
