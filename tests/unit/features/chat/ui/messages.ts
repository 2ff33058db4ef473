import type { Message } from '../../../../../src/lib/features/chat/api.ts'
import type { MessageId, PeerIdString } from '../../../../../src/lib/protocol/ids.ts'

export const ANNA = '12D3KooWAnna' as PeerIdString

/** A message of Anna's whose id is its text, unless `over` says otherwise. */
export function message(text: string, over: Partial<Message> = {}): Message {
  const sentAtMs = over.sentAtMs ?? 0
  return {
    type: 'message',
    id: text as MessageId,
    conversation: ANNA,
    mine: false,
    text,
    reply: null,
    forwarded: false,
    editedAtMs: null,
    deleted: false,
    reactions: { mine: null, theirs: null },
    disappearsAtMs: null,
    sentAtMs,
    receivedAtMs: sentAtMs,
    state: over.mine === true ? 'queued' : null,
    unread: false,
    ...over,
  }
}
