import { createContext } from 'svelte'
import type { NodeApi } from '../lib/client/contract.ts'
import type { Profile } from '../lib/features/profile/api.ts'
import type { Handover } from '../lib/ui/handover-messages.ts'

/** What a screen finds around it. */
export interface AppContext {
  /** Everything the node host offers. */
  readonly node: NodeApi
  /** Who I am; read in a template it follows a change of name. */
  readonly me: Profile
  /** Path of the address, `/contacts`; read in a template it follows the address. */
  readonly pathname: string
  /** The address says something else already, which is not on the screen yet. */
  readonly leaving: boolean
  /** What the address says, such as `id` of `#/chat/:id`. */
  readonly params: Readonly<Partial<Record<'id' | 'card' | 'link' | 'part', string>>>
  /** The card of an invitation taken up on the first screen, until its person is added. */
  accepted: string | null
  /** What another app shares with somebody here, until it is said with whom. */
  handover: Handover | null
  /** Goes to one of `paths`. `replace` leaves no step back. */
  go(href: string, options?: { replace?: boolean }): void
}

/** For a component inside of App.svelte. */
export const [appContext, provideAppContext] = createContext<AppContext>()
