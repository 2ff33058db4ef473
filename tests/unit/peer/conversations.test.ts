import { expect, test } from 'vitest'
import type { DeliveryState, Message } from '#lib/features/chat/api.ts'
import { messageIdOf, peerIdOf, type MessageId } from '#lib/protocol/ids.ts'
import { Conversations, MAX_FOLLOWED } from '#peer/conversations.ts'
import type { Event } from '#peer/protocol.ts'
import { messageWith } from '../../fixtures/messages.ts'

const me = peerIdOf(new Uint8Array(32).fill(1))
const ben = peerIdOf(new Uint8Array(32).fill(2))

function idOf(number: number): MessageId {
  const hash = new Uint8Array(32)
  new DataView(hash.buffer).setUint32(0, number)
  return messageIdOf(hash)
}

/** A conversation in which only I speak. */
function monologue() {
  const messages: Message[] = []
  const events: Event[] = []
  const conversations = new Conversations(
    {
      chat: {
        watchConversations: () => {
          throw new Error('nobody watches')
        },
        async *watchTimeline(_, { around, before, after }) {
          const found = messages.findIndex(({ id }) => id === around)
          const at = found === -1 ? messages.length - 1 : found
          yield await Promise.resolve({
            items: messages.slice(Math.max(0, at - before), at + after + 1),
            hasOlder: at - before > 0,
            hasNewer: at + after + 1 < messages.length,
            firstUnread: null,
          })
        },
        send: () => Promise.reject(new Error('nothing is sent')),
        markRead: () => Promise.resolve(),
      },
      tell: (event) => events.push(event),
    },
    { me, echo: false },
  )
  return {
    events,
    async say(number: number): Promise<void> {
      messages.push(messageWith({ id: idOf(number), conversation: ben, text: 'hello', mine: true }))
      await conversations.follow(ben, idOf(number))
    },
    states(state: DeliveryState): void {
      for (const [at, message] of messages.entries()) messages[at] = { ...message, state }
    },
  }
}

test('states of the newest messages are told, each once, and of no more than are followed', async () => {
  const { events, say, states } = monologue()
  for (let number = 0; number < MAX_FOLLOWED; number += 1) await say(number)
  expect(events).toHaveLength(MAX_FOLLOWED)

  events.length = 0
  states('delivered')
  await say(MAX_FOLLOWED)
  const delivered = events.flatMap((event) =>
    event.type === 'state' && event.state === 'delivered' ? [event.id] : [],
  )
  // The first is not followed any more, the last is only queued.
  expect(delivered).toEqual(Array.from({ length: MAX_FOLLOWED - 1 }, (_, at) => idOf(at + 1)))
  expect(events.at(-1)).toMatchObject({ id: idOf(MAX_FOLLOWED), state: 'queued' })
})
