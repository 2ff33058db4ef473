import type { Target } from './target.ts'
import { connectTargets } from './targets/connect.ts'
import { contentTargets } from './targets/content.ts'
import { cryptoTargets } from './targets/crypto.ts'
import { deliveryTargets } from './targets/delivery.ts'
import { featureTargets } from './targets/features.ts'
import { portMappingTargets } from './targets/port-mapping.ts'
import { portTargets } from './targets/ports.ts'
import { protocolTargets } from './targets/protocol.ts'
import { relayTargets } from './targets/relay.ts'
import { rendezvousTargets } from './targets/rendezvous.ts'
import { webTransportTargets } from './targets/webtransport.ts'

/** Everything that reads what it was not given by this process itself. */
export async function allTargets(): Promise<Target[]> {
  return [
    ...(await protocolTargets()),
    ...connectTargets(),
    ...(await cryptoTargets()),
    ...(await deliveryTargets()),
    ...(await contentTargets()),
    ...(await featureTargets()),
    ...portMappingTargets(),
    ...portTargets(),
    ...(await relayTargets()),
    ...(await rendezvousTargets()),
    ...webTransportTargets(),
  ]
}
