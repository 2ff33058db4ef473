/** Short words at the edge of the screen about what just happened. Drawn by Toasts.svelte. */
import { toast } from 'svelte-sonner'

/** Something went well and needs no answer. */
export function tell(text: string): void {
  toast(text)
}

/** Something failed; `next` is what the person can do about it. */
export function tellFailure(text: string, next?: { label: string; onClick: () => void }): void {
  toast.error(text, { duration: 8000, ...(next && { action: next }) })
}
