import { describe, expect, test } from 'vitest'
import { MAX_TEXT_BYTES } from '../../../../../src/lib/features/chat/api.ts'
import {
  ComposerView,
  DRAFT_AFTER_MS,
  TYPING_EVERY_MS,
} from '../../../../../src/lib/features/chat/ui/composer-view.svelte.ts'
import { StarlingError } from '../../../../../src/lib/protocol/errors.ts'
import type { MessageId } from '../../../../../src/lib/protocol/ids.ts'
import { ManualClock } from '../../../../fixtures/manual-clock.ts'
import { ANNA, message } from './messages.ts'

class StorageFullError extends StarlingError {
  override readonly name = 'StorageFullError'
}

function scene() {
  const clock = new ManualClock()
  const sent: { text: string; intent: string }[] = []
  const drafts: string[] = []
  const edited: [id: string, text: string][] = []
  const answered: unknown[] = []
  const typing: boolean[] = []
  const host = { failing: false, answer: Promise.resolve('id' as MessageId) }
  let intents = 0
  const left = new Map<string, string>()
  const open = () =>
    new ComposerView(ANNA, {
      clock,
      parting: {
        getItem: (key) => left.get(key) ?? null,
        setItem: (key, value) => void left.set(key, value),
        removeItem: (key) => void left.delete(key),
      },
      newIntent: () => `intent ${(intents += 1)}`,
      chat: {
        send(_, text, intent, as) {
          sent.push({ text, intent })
          answered.push(as?.reply)
          return host.failing ? Promise.reject(new StorageFullError()) : host.answer
        },
        edit(_, id, text) {
          if (host.failing) return Promise.reject(new StorageFullError())
          edited.push([id, text])
          return Promise.resolve()
        },
        setTyping(_, on) {
          typing.push(on)
          return Promise.resolve()
        },
        saveDraft(_, text) {
          if (host.failing) return Promise.reject(new StorageFullError())
          drafts.push(text)
          return Promise.resolve()
        },
      },
    })
  return { view: open(), open, clock, sent, drafts, edited, answered, typing, host }
}

describe('what is being written', () => {
  test('is stored while it is written, also without a pause', () => {
    const { view, clock, drafts } = scene()
    view.type('h')
    clock.advance(DRAFT_AFTER_MS - 1)
    view.type('hi')
    expect(drafts).toEqual([])
    clock.advance(1)
    expect(drafts).toEqual(['hi'])
    view.type('hi!')
    clock.advance(DRAFT_AFTER_MS)
    expect(drafts).toEqual(['hi', 'hi!'])
  })

  test('is stored at once when the field is left, and only when it changed', async () => {
    const { view, clock, drafts } = scene()
    view.type('hi')
    await view.flush()
    await view.flush()
    expect(drafts).toEqual(['hi'])
    expect(clock.pending).toBe(0)
  })

  test('is back in the field also when the host tells of it late, unless something was typed', () => {
    const { view, open } = scene()
    view.restore('')
    view.restore('hi')
    expect(view.text).toBe('hi')
    const other = open()
    other.restore('')
    other.type('new words')
    other.restore('hi')
    expect(other.text).toBe('new words')
  })

  test('is stored anew when it was typed while a message went out, which lets the draft go', async () => {
    const { view, clock, drafts, host } = scene()
    const answer = Promise.withResolvers<MessageId>()
    host.answer = answer.promise
    view.type('hi')
    const sending = view.send()
    view.type('and more')
    await view.flush()
    answer.resolve('id' as MessageId)
    await sending
    clock.advance(DRAFT_AFTER_MS)
    expect(drafts).toEqual(['and more', 'and more'])
  })

  test('goes with a file only as what is said beside it', async () => {
    const { view, drafts, clock } = scene()
    view.type('beside')
    view.wentAlong('beside')
    expect([view.text, clock.pending]).toEqual(['', 0])
    view.type('a draft')
    view.wentAlong('')
    expect(view.text).toBe('a draft')
    await view.flush()
    view.wentAlong('what was there before')
    clock.advance(DRAFT_AFTER_MS)
    expect(drafts).toEqual(['a draft', 'a draft'])
  })

  test('is stored later when that failed', async () => {
    const { view, drafts, host } = scene()
    host.failing = true
    view.type('hi')
    await view.flush()
    host.failing = false
    await view.flush()
    expect(drafts).toEqual(['hi'])
  })

  test('is not lost with a host that goes with the page, and is stored then', async () => {
    const { view, open, drafts, host } = scene()
    view.type('hi')
    await view.flush()
    host.failing = true
    view.type('hi there')
    view.part()
    host.failing = false

    const again = open()
    again.restore('hi')
    expect(again.text).toBe('hi there')
    await again.flush()
    expect(drafts).toEqual(['hi', 'hi there'])

    const later = open()
    later.restore('hi there')
    expect(later.text).toBe('hi there')
    later.part()
    const last = open()
    last.restore('from another tab')
    expect(last.text).toBe('from another tab')
  })

  test('is not lost while it is on its way to a host that goes with the page', async () => {
    const { view, open, host } = scene()
    const { promise, resolve } = Promise.withResolvers<MessageId>()
    host.answer = promise
    view.type('sent')
    const sending = view.send()
    view.type('typed since')
    view.part()
    const next = open()
    next.restore('')
    expect(next.text).toBe('sent\ntyped since')

    resolve('id' as MessageId)
    await sending
    view.part()
    const last = open()
    last.restore('')
    expect(last.text).toBe('typed since')
  })

  test('comes back as it was, and not over what was typed since', () => {
    const { view } = scene()
    view.restore('half a')
    expect(view.text).toBe('half a')
    view.type('half a thought')
    view.restore('older')
    expect(view.text).toBe('half a thought')
  })
})

describe('sending', () => {
  test('empties the field, and no draft comes after the message', async () => {
    const { view, clock, sent, drafts } = scene()
    view.type('  hi\n')
    await view.send()
    clock.advance(10 * DRAFT_AFTER_MS)
    expect(sent).toEqual([{ text: 'hi', intent: 'intent 1' }])
    expect(view.text).toBe('')
    expect(view.sent).toBe(1)
    expect(drafts).toEqual([])
  })

  test('does nothing without words', async () => {
    const { view, sent } = scene()
    view.type(' \n ')
    await view.send()
    expect(sent).toEqual([])
  })

  test('takes a text at the limit and none past it', async () => {
    const { view, sent } = scene()
    view.type('a'.repeat(MAX_TEXT_BYTES + 1))
    expect(view.tooLong).toBe(true)
    await view.send()
    expect(sent).toEqual([])
    view.type('a'.repeat(MAX_TEXT_BYTES))
    await view.send()
    expect(sent).toHaveLength(1)
  })

  test('that failed puts the text back and says why; again, it is the same message', async () => {
    const { view, sent, host } = scene()
    host.failing = true
    view.type('hi')
    await view.send()
    expect(view.text).toBe('hi')
    expect(view.error).toBe('StorageFullError')

    host.failing = false
    await view.send()

    expect(sent.map(({ intent }) => intent)).toEqual(['intent 1', 'intent 1'])
    expect(view.error).toBeNull()
  })

  test('that failed and was changed is another message', async () => {
    const { view, sent, host } = scene()
    host.failing = true
    view.type('hi')
    await view.send()
    host.failing = false
    view.type('hello')
    await view.send()
    expect(sent.at(-1)).toEqual({ text: 'hello', intent: 'intent 2' })
  })

  test('that failed does not lose what was typed in the meantime', async () => {
    const { view, host } = scene()
    host.failing = true
    view.type('first')
    const sending = view.send()
    view.type('second')
    await sending
    expect(view.text).toBe('first\nsecond')
  })
})

describe('an answer', () => {
  test('is sent as one, and the next message is none', async () => {
    const { view, answered } = scene()
    view.reply(message('question'))
    view.type('answer')
    await view.send()
    view.type('more')
    await view.send()
    expect(answered).toEqual(['question', undefined])
  })

  test('that could not be sent is still one', async () => {
    const { view, host } = scene()
    host.failing = true
    view.reply(message('question'))
    view.type('answer')
    await view.send()
    expect(view.purpose).toMatchObject({ type: 'reply', message: { id: 'question' } })
  })

  test('can be turned into a message, once', () => {
    const { view } = scene()
    view.type('answer')
    view.reply(message('question'))
    expect([view.cancel(), view.cancel()]).toEqual([true, false])
    expect(view.text).toBe('answer')
  })
})

describe('an edit', () => {
  test('has the words of the message, and leaves the draft as it was', async () => {
    const { view, clock, drafts, edited, sent } = scene()
    view.type('half a thou')
    view.edit(message('one', { mine: true }))
    expect([view.text, view.canSend]).toEqual(['one', false])
    view.type('ONE')
    clock.advance(DRAFT_AFTER_MS)
    await view.send()
    expect(edited).toEqual([['one', 'ONE']])
    expect(sent).toEqual([])
    expect(view.text).toBe('half a thou')
    expect(drafts).toEqual(['half a thou'])
  })

  test('that failed stays in the field', async () => {
    const { view, host } = scene()
    view.edit(message('one', { mine: true }))
    view.type('ONE')
    host.failing = true
    await view.send()
    expect([view.text, view.error, view.purpose.type]).toEqual(['ONE', 'StorageFullError', 'edit'])
  })

  test('leaves the draft behind when the page goes', () => {
    const { view, open } = scene()
    view.type('half a thou')
    view.edit(message('one', { mine: true }))
    view.type('ONE')
    view.part()
    const next = open()
    next.restore('')
    expect(next.text).toBe('half a thou')
  })
})

test('that somebody types is told now and then, and that they stopped', () => {
  const { view, clock, typing } = scene()
  for (const text of ['h', 'he', 'hel']) view.type(text)
  clock.advance(TYPING_EVERY_MS)
  view.type('hell')
  view.type('')
  expect(typing).toEqual([true, true, false])
})
