/**
 * Steps through the app in the browser's history, so that an arrow on the screen and the system's own back go the
 * same way, and neither leaves an open dialog standing on another screen.
 */
import { tick } from 'svelte'

/** What is kept with an entry of the history, beside what the router keeps there. */
interface Step {
  /** Steps of the app before this one. */
  depth: number
  /** The dialog that is open on this step; steps of closed ones are passed over. */
  dialog: string | null
}

/** Dialogs that are open and have a step. */
const open = new Set<string>()
let depth = 0
/** A step back that the browser has not taken yet: what goes on meanwhile would be taken back instead. */
let leaving = Promise.resolve()

/** Begins to count. The router must have begun before, because it replaces what it does not know. */
export function countSteps(): () => void {
  mark(stepHere() ?? { depth: 0, dialog: null })
  passOver()
  addEventListener('popstate', arrive)
  return () => {
    removeEventListener('popstate', arrive)
  }
}

/** Goes on to `href`; with `replace`, in the place of this step. */
export async function stepTo(href: string, { replace = false } = {}): Promise<void> {
  // A dialog that was just closed gives back its step first.
  await tick()
  await leaving
  if (!replace) {
    location.hash = href
    return
  }
  const here = depth
  location.replace(href)
  mark({ depth: here, dialog: null })
}

/** Goes back to where the person was in the app, or to `href` when they came here from elsewhere. */
export function stepBack(href: string): void {
  if (depth > 0) history.back()
  else void stepTo(href, { replace: true })
}

/** A step for an open dialog: the system's back closes it. Returns what gives the step back. */
export function dialogStep(dialog: string, close: () => void): () => void {
  open.add(dialog)
  history.pushState(history.state, '')
  mark({ depth: depth + 1, dialog })
  const left = (): void => {
    if (stepHere()?.dialog !== dialog) close()
  }
  addEventListener('popstate', left)
  return () => {
    open.delete(dialog)
    removeEventListener('popstate', left)
    if (stepHere()?.dialog !== dialog) return
    leaving = new Promise((resolve) => {
      addEventListener(
        'popstate',
        () => {
          resolve()
        },
        { once: true },
      )
    })
    history.back()
  }
}

function arrive(): void {
  // What has no mark is new: a link was followed.
  mark(stepHere() ?? { depth: depth + 1, dialog: null })
  passOver()
}

/** The step of a dialog that is closed looks like the one before it. */
function passOver(): void {
  const dialog = stepHere()?.dialog ?? null
  if (dialog !== null && !open.has(dialog)) history.back()
}

function stepHere(): Step | undefined {
  return (history.state as { step?: Step } | null)?.step
}

function mark(step: Step): void {
  depth = step.depth
  history.replaceState({ ...(history.state as object | null), step }, '')
}
