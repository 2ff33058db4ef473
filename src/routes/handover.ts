import { HANDOVER_HASH, TAKE_HANDOVER, type Handover } from '../lib/ui/handover-messages.ts'
import { paths } from './paths.ts'

/** A service worker that does not answer has been ended, and what it held is gone. */
const ANSWER_TIMEOUT_MS = 5_000

/** Whether the page was opened by another app that shares something. From then on it is at its first screen. */
export function isHandedOver(): boolean {
  if (location.hash !== HANDOVER_HASH) return false
  history.replaceState(history.state, '', paths.chats)
  return true
}

/** What another app shares; null when it is not to be had. */
export async function takeHandover(): Promise<Handover | null> {
  const worker = (await navigator.serviceWorker.getRegistration())?.active
  if (worker == null) return null
  const { port1, port2 } = new MessageChannel()
  const answer = new Promise<Handover | null>((resolve) => {
    port1.onmessage = ({ data }: MessageEvent<Handover | null>) => {
      resolve(data)
    }
    setTimeout(resolve, ANSWER_TIMEOUT_MS, null)
  })
  worker.postMessage(TAKE_HANDOVER, [port2])
  return answer
}
