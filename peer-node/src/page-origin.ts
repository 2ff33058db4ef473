import type { NetworkApi } from '#lib/features/network/api.ts'
import { originsOf, parseRelayAddress } from '#lib/p2p/addresses.ts'
import { first } from './first.ts'

/** Where links begin; empty without a relay. Any relay's server does: a link is read wherever it is opened or pasted. */
export async function pageOrigin(network: Pick<NetworkApi, 'watchRelays'>): Promise<string> {
  const [origin = ''] = (await first(network.watchRelays())).flatMap(({ address }) =>
    originsOf(parseRelayAddress(address)),
  )
  return origin
}
