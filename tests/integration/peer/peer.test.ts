import { describe, expect, test } from 'vitest'
import { PeerProcess } from '../../support/peer.ts'
import { Relay } from '../../support/relay.ts'

/** Two peers who have each other. */
async function meet(anna: PeerProcess, ben: PeerProcess): Promise<void> {
  await anna.ask({ type: 'add', code: ben.card })
  await ben.event('request', ({ peer }) => peer === anna.id)
  await ben.ask({ type: 'accept', peer: anna.id })
  await anna.event('contact', ({ peer, state }) => peer === ben.id && state === 'mutual')
}

describe('peers without a browser', () => {
  test('meet by card and talk both ways', async () => {
    await using relay = await Relay.start('--no-app')
    await using anna = await PeerProcess.start(relay, 'Anna')
    await using ben = await PeerProcess.start(relay, 'Ben')
    await meet(anna, ben)
    expect(anna.events('contact').at(-1)).toMatchObject({ peer: ben.id, name: 'Ben' })

    const id = await anna.send(ben, 'hello from Node')
    const heard = await ben.event('message', ({ text }) => text === 'hello from Node')
    expect(heard).toMatchObject({ from: anna.id, id })
    await anna.event('state', (event) => event.id === id && event.state === 'delivered')
    await ben.ask({ type: 'read', from: anna.id, id })
    await anna.event('state', (event) => event.id === id && event.state === 'read')

    await ben.send(anna, 'and back')
    await anna.event('message', ({ text }) => text === 'and back')
  })

  test('keep what they acknowledged when they are killed', async () => {
    await using relay = await Relay.start('--no-app')
    await using anna = await PeerProcess.start(relay, 'Anna')
    await using ben = await PeerProcess.start(relay, 'Ben')
    await meet(anna, ben)
    const { id: before } = anna
    await ben.kill()

    const sending = Array.from({ length: 16 }, (_, at) => anna.send(ben, `number ${at}`, `${at}`))
    const settled = Promise.allSettled(sending)
    const acknowledged = [await sending[0]!, await sending[1]!, await sending[2]!]
    await anna.kill()
    await settled
    acknowledged.push(...anna.events('done').flatMap(({ id }) => (id === undefined ? [] : [id])))

    await Promise.all([anna.up(), ben.up()])
    expect(anna.id).toBe(before)
    for (const id of acknowledged) await ben.event('message', (event) => event.id === id)
    // The same intent is the same message; those that had not come so far are sent now.
    for (let at = 0; at < 16; at += 1) await anna.send(ben, `number ${at}`, `${at}`)
    await ben.event('message', ({ text }) => text === 'number 15')
    expect(ben.events('message').map(({ text }) => text)).toEqual(
      Array.from({ length: 16 }, (_, at) => `number ${at}`),
    )
  })
})
