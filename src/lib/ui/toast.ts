/** Short words at the edge of the screen about what just happened. Drawn by Toasts.svelte. */
import { toast } from 'svelte-sonner'

/** What the person can do about it. */
interface Next {
  label: string
  onClick: () => void
}

/** How long words stay that ask for something to be done, in milliseconds. */
const LONG_MS = 8_000

/** Something went well. */
export function tell(text: string, next?: Next): void {
  toast(text, next && { duration: LONG_MS, action: next })
}

/** Something failed. */
export function tellFailure(text: string, next?: Next): void {
  toast.error(text, { duration: LONG_MS, ...(next && { action: next }) })
}
