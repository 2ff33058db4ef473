import { expect, test } from 'vitest'
import type { Transfer, TransferDetails } from '#lib/features/transfers/api.ts'
import { peerIdOf } from '#lib/protocol/ids.ts'
import type { Event } from '#peer/protocol.ts'
import { Transfers } from '#peer/transfers.ts'
import { transferWith } from '../../fixtures/transfers.ts'

const me = peerIdOf(new Uint8Array(32).fill(1))

/** What is told of one transfer that goes through these states. */
async function told(...states: Partial<TransferDetails>[]): Promise<Event[]> {
  const events: Event[] = []
  let now: TransferDetails
  const detailsOf = (state: Partial<TransferDetails>): TransferDetails => ({
    ...transferWith({ role: 'sharing' }),
    ...{ description: '', creator: null, list: [], peers: [], pieces: [], link: null },
    speeds: { down: [], up: [] },
    ...state,
  })
  const transfers = new Transfers(
    {
      transfers: {
        async *watchTransfers(): AsyncIterable<Transfer[]> {
          for (const state of states) {
            now = detailsOf(state)
            yield await Promise.resolve([now])
          }
        },
        async *watchTransfer() {
          yield await Promise.resolve(now)
        },
        read: () => {
          throw new Error('nothing is read')
        },
      },
      network: {
        async *watchSelf() {
          yield await Promise.resolve({
            peer: me,
            state: 'offline' as const,
            addresses: [],
            webrtc: true,
          })
        },
        async *watchRelays() {
          yield await Promise.resolve([])
        },
      },
      tell: (event) => events.push(event),
    },
    new AbortController().signal,
  )
  await transfers.run()
  return events
}

test('the link of what expires while it is read is told', async () => {
  const ended = { state: 'ended', problem: 'expired' } as const
  const events = await told(ended, { ...ended, completeAtMs: 5, link: 'link' })
  expect(events).toMatchObject([{ link: null }, { link: '#/get/link' }])
})

test('nothing is told again while nothing but the speed is another', async () => {
  const events = await told(
    { state: 'reading' },
    { state: 'reading', bytesPerSecond: { down: 0, up: 5 } },
  )
  expect(events).toHaveLength(1)
})
