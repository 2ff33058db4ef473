import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
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

  test('relay for friends who ask them to, beside being people', async () => {
    const env = { PORT: '0', HOST: 'localhost', STARLING_APP: 'false', STARLING_WEBRTC: 'false' }
    await using anna = await PeerProcess.start(null, 'Anna', '--relay-for-others', { env })
    const { address: origin } = await anna.event('relay')
    await using ben = await PeerProcess.start({ origin }, 'Ben')
    await using cleo = await PeerProcess.start({ origin }, 'Cleo')
    await meet(ben, cleo)
    await ben.send(cleo, 'by way of Anna')
    await cleo.event('message', ({ text }) => text === 'by way of Anna')
    // She is reached by it herself.
    await meet(ben, anna)
    expect(await anna.stop()).toBe(0)
  })

  test('say what is wrong with the relay they are to be', async () => {
    await using anna = await PeerProcess.start(null, 'Anna', '--relay-for-others', {
      env: { PORT: '0', HOST: 'localhost', STARLING_APP: 'false' },
    })
    await anna.stop()
    expect(await anna.tryAgain({ PORT: 'many' })).toContain('--port (PORT) must be')
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

  test('find what was written to them while they slept, and read it while its writer does', async () => {
    await using relay = await Relay.start('--no-app')
    await using anna = await PeerProcess.start(relay, 'Anna')
    await using ben = await PeerProcess.start(relay, 'Ben')
    await meet(anna, ben)
    // So that each knows where the other's mailboxes are.
    const first = await anna.send(ben, 'are you there?')
    await anna.event('state', (event) => event.id === first && event.state === 'delivered')
    expect(await ben.stop()).toBe(0)

    const id = await anna.send(ben, 'until tomorrow')
    await anna.event('state', (event) => event.id === id && event.state === 'stored')
    expect(await anna.stop('SIGINT')).toBe(0)

    await ben.up()
    await ben.event('message', (event) => event.id === id)
  })

  test('answer each message once, killed between answer and mark or not', async () => {
    await using relay = await Relay.start('--no-app')
    await using echo = await PeerProcess.start(relay, 'Echo', '--echo', '--accept-all')
    await using anna = await PeerProcess.start(relay, 'Anna', '--add', echo.card)
    await anna.event('contact', ({ peer, state }) => peer === echo.id && state === 'mutual')
    await anna.send(echo, 'one')
    await echo.event('message')
    await echo.kill()
    await echo.up()
    await anna.send(echo, 'two')
    await anna.event('message', ({ text }) => text === 'two')
    expect(anna.events('message').map(({ text }) => text)).toEqual(['one', 'two'])
  })

  test('answer what is no command with an error, and go on', async () => {
    await using relay = await Relay.start('--no-app')
    await using anna = await PeerProcess.start(relay, 'Anna')
    anna.write('{"type":"send"')
    await anna.event('error', ({ name }) => name === 'InvalidDataError')
    anna.write(`{"type":"quit","text":"${'x'.repeat(200_000)}"}`)
    await anna.event('error', ({ message }) => message.startsWith('a line of more than'))
    expect(await anna.ask({ type: 'send', to: anna.id, text: '' })).toMatchObject({
      type: 'error',
      name: 'EmptyTextError',
    })
    const note = await anna.send(anna, 'a note')
    expect(await anna.ask({ type: 'react', to: anna.id, id: note, emoji: 'no' })).toMatchObject({
      type: 'error',
      name: 'InvalidDataError',
    })
    await anna.ask({ type: 'delete', to: anna.id, id: note })
    expect(await anna.ask({ type: 'edit', to: anna.id, id: note, text: 'back' })).toMatchObject({
      type: 'error',
      name: 'CannotEditError',
    })
    expect(await anna.ask({ type: 'add', code: anna.card })).toMatchObject({ name: 'OwnCodeError' })
    expect(await anna.ask({ type: 'quit' })).toMatchObject({ type: 'done' })
    expect(await anna.ended()).toBe(0)
  })

  test('open their folder with its passphrase alone, one at a time, and leave nothing to read', async () => {
    await using relay = await Relay.start('--no-app')
    const env = { STARLING_PASSPHRASE: 'correct horse battery' }
    await using anna = await PeerProcess.start(relay, 'Annabella', { env })
    await anna.send(anna, 'a note nobody else reads')
    expect(await anna.tryAgain(env)).toContain('in use by another peer')
    await anna.kill()

    for (const file of await readdir(anna.dataFolder)) {
      const bytes = await readFile(join(anna.dataFolder, file))
      expect(bytes.includes('a note nobody else reads') || bytes.includes('Annabella')).toBe(false)
    }
    expect(await anna.tryAgain({})).toContain('STARLING_PASSPHRASE is needed')
    expect(await anna.tryAgain({ STARLING_PASSPHRASE: 'wrong horse battery' })).toContain(
      'STARLING_PASSPHRASE is not the passphrase',
    )
    const { id } = anna
    await anna.up()
    expect(anna.id).toBe(id)
  })
})
