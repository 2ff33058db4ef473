import type { ContactsApi, MyCode } from '#lib/features/contacts/api.ts'
import { parseCode } from '#lib/features/contacts/code.ts'
import type { NetworkApi } from '#lib/features/network/api.ts'
import type { ProfileApi } from '#lib/features/profile/api.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import { first } from './first.ts'
import { pageOrigin } from './page-origin.ts'
import type { CardEvent, Event } from './protocol.ts'

export interface CardComponents {
  contacts: Pick<ContactsApi, 'watchMyCode'>
  network: Pick<NetworkApi, 'watchSelf' | 'watchRelays'>
  profile: Pick<ProfileApi, 'watchProfile'>
  clock: Pick<Clock, 'now'>
  tell: (event: Event) => void
}

/** Tells `ready` with a card that leads here, as soon as a relay does or all have failed; then each later card. */
export async function tellCard(components: CardComponents, signal: AbortSignal): Promise<void> {
  const { contacts, network, tell } = components
  let isOnline = false
  for await (const { state } of network.watchSelf({ signal })) {
    isOnline = state === 'online'
    if (state !== 'starting') break
  }
  let told: string | null = null
  for await (const code of contacts.watchMyCode({ signal })) {
    // The card is signed anew a moment after there is a relay to name.
    if (told === null && isOnline && !(await namesRelay(code, components))) continue
    const card = await spell(code, components)
    const text = JSON.stringify(card)
    if (text !== told) tell({ type: told === null ? 'ready' : 'card', ...card })
    told = text
  }
}

async function namesRelay({ fragment }: MyCode, { clock }: CardComponents): Promise<boolean> {
  return (await parseCode(fragment, clock.now())).relays.length > 0
}

async function spell(
  { fragment, plain }: MyCode,
  { network, profile }: CardComponents,
): Promise<CardEvent> {
  const me = (await first(profile.watchProfile()))!
  return { peer: me.peer, name: me.name, card: `${await pageOrigin(network)}${fragment}`, plain }
}
