import { toBase64url } from '../../../protocol/base64url.ts'
import type { WakeAddress, WakeUps, WakeUpsApi } from '../api.ts'
import { notificationPermission } from './permission.svelte.ts'
import { isPushed, type AnswerToPush } from './push-messages.ts'

/** Tabs of one browser share its one subscription: they change it one after the other. */
const LOCK = 'starling-push-subscription'

/** The browser refused to subscribe when it was asked last. */
let failed = $state(false)

/** Whether this browser can be woken at all. Safari on an iPhone can only as an installed app. */
export function canBeWoken(): boolean {
  return notificationPermission() !== 'missing' && 'PushManager' in globalThis
}

/** Read in a template it follows what the browser answers. */
export function subscribingFailed(): boolean {
  return failed
}

/** Has relays wake this browser. Notifications must be allowed. */
export async function beWoken(api: WakeUpsApi, key: string): Promise<void> {
  const address = await subscription(key)
  if (address !== null) await api.wakeAt(address)
}

/** Nobody wakes this browser any more, also if relays cannot be told: the push service then knows it no longer. */
export async function letSleep(api: WakeUpsApi): Promise<void> {
  failed = false
  // First: until then, a subscription that is missing is made anew.
  await api.letSleep()
  await unsubscribe()
}

/** Ends the subscription of this browser, if there is one. */
export function unsubscribe(): Promise<void> {
  return alone(async (pushes) => {
    const kept = await pushes?.getSubscription()
    await kept?.unsubscribe()
  })
}

/**
 * For as long as the component lives: keeps the browser's subscription to what the host wants, such as when the relay
 * that woke is replaced by another, and has the host look when a push comes.
 */
export function followWakeUps(api: WakeUpsApi): void {
  const allowed = $derived(notificationPermission() === 'granted')

  $effect(() => {
    if (!canBeWoken() || !allowed) return
    const stopped = new AbortController()
    const follow = async () => {
      for await (const wakeUps of api.watchWakeUps({ signal: stopped.signal })) {
        try {
          await keepSubscription(api, wakeUps)
        } catch (error) {
          // What comes next is followed all the same.
          if (!stopped.signal.aborted) console.info('no subscription kept:', error)
        }
      }
    }
    follow().catch((error: unknown) => {
      if (!stopped.signal.aborted) console.info('not woken:', error)
    })
    return () => {
      stopped.abort()
    }
  })

  $effect(() => {
    if (!canBeWoken()) return
    const { serviceWorker } = navigator
    const onMessage = ({ data, ports: [port] }: MessageEvent<unknown>) => {
      if (port !== undefined && isPushed(data)) void answer(api, port)
    }
    serviceWorker.addEventListener('message', onMessage)
    return () => {
      serviceWorker.removeEventListener('message', onMessage)
    }
  })
}

/** Makes the browser's subscription be what the host wants, and tells the host when it is another. */
export async function keepSubscription(api: WakeUpsApi, { address, key }: WakeUps): Promise<void> {
  if (address === null) {
    await unsubscribe()
    return
  }
  const now = await subscription(key ?? address.key)
  const isTold = now?.endpoint === address.endpoint && now.key === address.key
  if (now !== null && !isTold) await api.moveTo(now, address)
}

/** The subscription for this key, a new one when there is none; null when the browser refuses. */
function subscription(key: string): Promise<WakeAddress | null> {
  return alone(async (pushes) => {
    try {
      if (pushes === null) throw new Error('no service worker')
      const kept = await pushes.getSubscription()
      if (kept !== null && keyOf(kept) !== key) await kept.unsubscribe()
      // One for the same key is given again.
      const options = { userVisibleOnly: true, applicationServerKey: key }
      const { endpoint } = await pushes.subscribe(options)
      failed = false
      return { endpoint, key }
    } catch (error) {
      console.info('no push subscription:', error)
      failed = true
      return null
    }
  })
}

/** Where the browser subscribes; null while no service worker is registered. */
function alone<T>(use: (pushes: PushManager | null) => Promise<T>): Promise<T> {
  return navigator.locks.request(LOCK, async () => {
    const registration = await navigator.serviceWorker.getRegistration()
    return use(registration?.pushManager ?? null)
  })
}

async function answer(api: WakeUpsApi, port: MessagePort): Promise<void> {
  const say = (answer: AnswerToPush) => {
    port.postMessage(answer)
  }
  say('here')
  try {
    await api.woken()
    say('looked')
  } catch (error) {
    // The service worker then says itself that something came.
    console.info('not looked:', error)
  }
}

function keyOf({ options }: PushSubscription): string | null {
  const key = options.applicationServerKey
  return key === null ? null : toBase64url(new Uint8Array(key))
}
