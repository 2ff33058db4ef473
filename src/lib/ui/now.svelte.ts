import { createSubscriber } from 'svelte/reactivity'

/** How often "5 minutes ago" is looked at again. */
const TICK_MS = 20_000

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, TICK_MS)
  return () => {
    clearInterval(timer)
  }
})

/** Milliseconds since 1970; read in a template it moves on by itself. */
export function now(): number {
  subscribe()
  return Date.now()
}
