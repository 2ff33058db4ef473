import { describe, expect, test } from 'vitest'
import type { OutgoingFile } from '#lib/features/chat/api.ts'
import { AttachingView } from '#lib/features/chat/ui/attaching-view.svelte.ts'
import type { MessageId } from '#lib/protocol/ids.ts'
import { ANNA } from './messages.ts'

const file = (name: string) => new File(['it'], name, { type: 'application/octet-stream' })

/** A view, and what goes out from it: each file waits until it is let go. */
function attaching() {
  const sent: OutgoingFile[] = []
  const waiting: (() => void)[] = []
  const prepared = Promise.withResolvers<number>()
  let intents = 0
  const view = new AttachingView(ANNA, {
    chat: {
      sendFile: async (_, outgoing) => {
        await new Promise<void>((resolve) => waiting.push(resolve))
        sent.push(outgoing)
        return outgoing.name as MessageId
      },
      async *watchPreparing() {
        yield 0
        yield await prepared.promise
      },
    },
    newIntent: () => String(++intents),
    makePicture: () => Promise.reject(new Error('no picture')),
  })
  return { view, sent, waiting, prepare: prepared.resolve }
}

describe('files that are sent', () => {
  test('go out one after the other, the words with the first', async () => {
    const { view, sent, waiting } = attaching()
    view.add([file('one.bin'), file('two.bin')])
    const all = view.send('look', null)
    await expect.poll(() => waiting.length).toBe(1)
    waiting[0]!()
    await expect.poll(() => waiting.length).toBe(2)
    waiting[1]!()
    expect(await all).toBe(true)
    expect(sent.map(({ name, caption }) => [name, caption])).toEqual([
      ['one.bin', 'look'],
      ['two.bin', ''],
    ])
    expect(view.chosen).toEqual([])
  })

  test('say how much of one is taken in, until it has gone', async () => {
    const { view, waiting, prepare } = attaching()
    view.add([new File(['four'], 'one.bin')])
    const all = view.send('', null)
    await expect.poll(() => waiting.length).toBe(1)
    expect(view.preparing).toBe('one.bin')
    expect(view.preparedShare).toBeNull()
    prepare(3)
    await expect.poll(() => view.preparedShare).toBe(0.75)
    waiting[0]!()
    await all
    expect(view.preparedShare).toBeNull()
  })

  test('do not take along what is chosen meanwhile', async () => {
    const { view, sent, waiting } = attaching()
    view.add([file('one.bin')])
    const all = view.send('', null)
    await expect.poll(() => waiting.length).toBe(1)
    view.add([file('later.bin')])
    waiting[0]!()
    expect(await all).toBe(true)
    expect(sent.map(({ name }) => name)).toEqual(['one.bin'])
    expect(view.chosen.map(({ name }) => name)).toEqual(['later.bin'])
    expect(view.preparing).toBeNull()
  })
})
