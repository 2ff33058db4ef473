import { createContext } from 'svelte'
import type { NodeApi } from '../lib/client/contract.ts'
import type { Profile } from '../lib/features/profile/api.ts'

/** What a screen finds around it. */
export interface AppContext {
  /** Everything the node host offers. */
  readonly node: NodeApi
  /** Who I am; read in a template it follows a change of name. */
  readonly me: Profile
  /** What the address says, such as `id` of `#/chat/:id`; read in a template it follows the address. */
  /** Path of the address, `/contacts`. */
  readonly pathname: string
  readonly params: Readonly<Partial<Record<'id' | 'card', string>>>
  /** The card of an invitation taken up on the first screen, until its person is added. */
  accepted: string | null
  /** Goes to one of `paths`. `replace` leaves no step back. */
  go(href: string, options?: { replace?: boolean }): void
}

/** For a component inside of App.svelte. */
export const [appContext, provideAppContext] = createContext<AppContext>()
