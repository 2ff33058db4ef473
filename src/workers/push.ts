import { PUSHED, type AnswerToPush } from '../lib/features/notifications/ui/push-messages.ts'
import { withShelfLock } from '../lib/features/notifications/ui/shelf-lock.ts'
import { m } from '../lib/i18n/generated/messages.js'
import { keptLanguage } from '../lib/i18n/kept-language.ts'

declare const self: ServiceWorkerGlobalScope

/** A page that can answer at all answers within this, ms: one that the browser has frozen does not. */
export const ANSWER_TIMEOUT_MS = 1_500

/** How long the host may look for what came, ms: one that waits for a silent relay still shows what others have. */
export const LOOK_TIMEOUT_MS = 15_000

/** How long a page has to show what the host found, ms, and how often it is looked at whether it did. */
export const SHOW_TIMEOUT_MS = 2_000
const SHOW_PACE_MS = 250

/**
 * A push carries nothing. Where a host runs, it looks for what came and its page shows it; otherwise it is said that
 * something came. Browsers want to see something for each push, unless a page is in view.
 */
export function showWhenPushed(): void {
  self.addEventListener('push', (event) => {
    event.waitUntil(onPush())
  })
}

async function onPush(): Promise<void> {
  const answer = await answerOf(await self.clients.matchAll({ type: 'window' }))
  if (answer !== null && ((await isInView()) || (await isShown()))) return
  const locale = await keptLanguage()
  const title = m.notifications_pushed_title({}, { locale })
  const options: NotificationOptions = {
    body: m.notifications_pushed({}, { locale }),
    tag: 'pushed',
    icon: '/icons/any-192.png',
    lang: locale,
    // Gone as soon as a page shows what there is.
    data: { about: 'pushed', href: '#/' },
    // A host that looked found nothing that is to be heard.
    silent: answer === 'looked',
  }
  await withShelfLock(() => self.registration.showNotification(title, options))
}

/** What the host says by any of these pages: that it looked, that it is there and has not looked in time, or nothing. */
async function answerOf(pages: readonly Client[]): Promise<AnswerToPush | null> {
  const answers = pages.map((page) => ask(page))
  const looked = answers.map(async (answer) => {
    if ((await answer) !== 'looked') throw new Error('not looked')
  })
  try {
    await Promise.any(looked)
    return 'looked'
  } catch {
    return (await Promise.all(answers)).includes('here') ? 'here' : null
  }
}

/** The last that a page says. */
function ask(page: Client): Promise<AnswerToPush | null> {
  const { promise, resolve } = Promise.withResolvers<AnswerToPush | null>()
  const { port1, port2 } = new MessageChannel()
  let timer = setTimeout(resolve, ANSWER_TIMEOUT_MS, null)
  port1.onmessage = ({ data }: MessageEvent<AnswerToPush>) => {
    clearTimeout(timer)
    if (data === 'looked') resolve(data)
    else timer = setTimeout(resolve, LOOK_TIMEOUT_MS, 'here')
  }
  page.postMessage(PUSHED, [port2])
  return promise.finally(() => {
    clearTimeout(timer)
    port1.close()
  })
}

async function isInView(): Promise<boolean> {
  const pages = await self.clients.matchAll({ type: 'window' })
  return pages.some(({ visibilityState }) => visibilityState === 'visible')
}

/** Whether a page shows something now, or in a moment. */
async function isShown(): Promise<boolean> {
  for (let waitedMs = 0; ; waitedMs += SHOW_PACE_MS) {
    const shown = await withShelfLock(() => self.registration.getNotifications())
    if (shown.length > 0) return true
    if (waitedMs >= SHOW_TIMEOUT_MS) return false
    await new Promise((resolve) => setTimeout(resolve, SHOW_PACE_MS))
  }
}
