import { m } from '../../../i18n/generated/messages.js'
import type { About, Notice, Notices } from '../api.ts'

/** The part of a service worker's registration that is used here: only through it does Android show anything. */
export type NotificationShelf = Pick<
  ServiceWorkerRegistration,
  'showNotification' | 'getNotifications'
>

/** What a notification of ours carries: what it is about, and where a click leads (workers/notification-click.ts). */
interface NoticeData {
  about: About
  href: string
}

/** Makes what the browser shows be what there is to show: fresh ones appear, those seen to go. */
export async function showNotices(
  shelf: NotificationShelf,
  { fresh, open }: Notices,
  hrefOf: (about: About) => string,
): Promise<void> {
  for (const shown of await shelf.getNotifications()) {
    // One of somebody else, such as a push, has nothing of the kind.
    const { about } = (shown.data ?? {}) as Partial<NoticeData>
    if (about !== undefined && !open.includes(about)) shown.close()
  }
  for (const notice of fresh) {
    const { about } = notice
    const data: NoticeData = { about, href: hrefOf(about) }
    const { title, body } = wordsOf(notice)
    await shelf.showNotification(title, {
      body,
      tag: about,
      icon: '/icons/any-192.png',
      data,
      // One that replaces another is heard too (Notifications API, 2.9); TypeScript's types do not know it.
      ...{ renotify: true },
    })
  }
}

function wordsOf({ about, name, text, file, count }: Notice): { title: string; body: string } {
  if (about === 'requests') {
    return { title: m.notifications_request_title(), body: m.notifications_request({ name }) }
  }
  const said = [file === null ? '' : fileWords(file), text ?? ''].filter((each) => each !== '')
  const body = said.length === 0 ? m.notifications_messages({ count }) : said.join(' · ')
  return { title: name, body }
}

function fileWords({ kind, name }: NonNullable<Notice['file']>): string {
  if (kind === 'picture') return m.notifications_photo()
  return kind === 'voice' ? m.notifications_voice() : name
}
