import { autoNAT, type AutoNATComponents } from '@libp2p/autonat'
import type { RandomWalk } from '@libp2p/interface-internal'

/** Ends before it has met anybody. */
const NO_WALK: RandomWalk = {
  // eslint-disable-next-line @typescript-eslint/require-await -- as libp2p iterates it
  async *walk() {
    yield* []
  },
}

/**
 * AutoNAT that asks whoever connects whether this relay is reachable, and looks for nobody.
 *
 * With an address that looks public it would walk the DHT for peers to ask. libp2p's walk (3.3) begins anew when it has met
 * nobody, without ever waiting: a relay that knows no other would do nothing else from its first minute on.
 */
export function autoNATWithoutWalks(components: AutoNATComponents): unknown {
  // Defined, not set: libp2p's components are a proxy that would take it for all.
  return autoNAT()(
    Object.create(components, { randomWalk: { value: NO_WALK } }) as AutoNATComponents,
  )
}
