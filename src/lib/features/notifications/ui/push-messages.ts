/**
 * What a service worker that was pushed asks of pages. It opens no database and no keys itself; a page whose host runs
 * answers twice over the port: at once, and when the host has looked for what came.
 */
export const PUSHED = { pushed: true }

export type AnswerToPush = 'here' | 'looked'

export function isPushed(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'pushed' in message
}
