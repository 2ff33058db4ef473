import { m } from '../../../i18n/generated/messages.js'
import type { ContactState } from '../../contacts/api.ts'

/**
 * Why a message has not gone out yet, and what it waits for.
 *
 * @param contact how it stands with whom it is for; null when they are no contact any more
 */
export function queuedWords(contact: ContactState | null, name: string): string {
  switch (contact) {
    case 'waiting':
      return m.chats_state_queued_waiting_text({ name })
    case 'changed':
      return m.chats_state_queued_changed_text({ name })
    case 'blocked':
      return m.chats_state_queued_blocked_text({ name })
    case 'mutual':
      return m.chats_state_queued_text({ name })
    case null:
      return m.chats_state_queued_gone_text({ name })
  }
}
