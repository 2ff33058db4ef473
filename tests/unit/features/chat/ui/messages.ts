import type { Message } from '../../../../../src/lib/features/chat/api.ts'
import type { MessageId, PeerIdString } from '../../../../../src/lib/protocol/ids.ts'
import { messageWith } from '../../../../fixtures/messages.ts'

export const ANNA = '12D3KooWAnna' as PeerIdString

/** A message of Anna's whose id is its text, unless `over` says otherwise. */
export function message(text: string, over: Partial<Message> = {}): Message {
  return messageWith({ id: text as MessageId, conversation: ANNA, text, ...over })
}
