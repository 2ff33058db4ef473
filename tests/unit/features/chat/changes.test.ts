import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MessageRow } from '#lib/db/schema.ts'
import { EDIT_WITHIN_MS } from '#lib/features/chat/api.ts'
import { changed, isEmoji, type ChangeMeta } from '#lib/features/chat/changes.ts'
import type { Change } from '#lib/features/chat/protocol.ts'
import type { ChainId, MessageId, PeerIdString } from '#lib/protocol/ids.ts'

const TARGET = 'target' as MessageId

const row: MessageRow = {
  id: TARGET,
  conversation: 'Ben' as PeerIdString,
  chain: 'chain' as ChainId,
  sequence: 1,
  clock: 1,
  mine: true,
  text: 'first',
  sentAtMs: 1_000,
  receivedAtMs: 1_000,
}

const meta = (over: Partial<ChangeMeta> = {}): ChangeMeta => ({
  ...{ mine: true, clock: 2, id: 'change' as MessageId, chain: 'chain' as ChainId, sequence: 2 },
  ...{ sentAtMs: 2_000 },
  ...over,
})
const edit = (text: string): Change => ({ type: 'edit', message: TARGET, text })
const react = (emoji: string | null): Change => ({ type: 'react', message: TARGET, emoji })
const taken: Change = { type: 'delete', message: TARGET }

const changes = fc.array(
  fc.record({
    change: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'c').map(edit) },
      { weight: 4, arbitrary: fc.constantFrom('👍', '❤️', null, 'not one').map(react) },
      { weight: 1, arbitrary: fc.constant(taken) },
    ),
    mine: fc.boolean(),
    // Both may write at the same clock; then the ids decide.
    clock: fc.integer({ min: 2, max: 5 }),
    sentAtMs: fc.constantFrom(2_000, 3_000, EDIT_WITHIN_MS + 1_001),
  }),
  { maxLength: 8 },
)

test('the same changes in any order leave the same message', () => {
  fc.assert(
    fc.property(
      changes.chain((all) => {
        const numbered = all.map((each, index) => ({ ...each, id: `${index}` as MessageId }))
        return fc.tuple(
          fc.constant(numbered),
          fc.shuffledSubarray(numbered, { minLength: numbered.length }),
        )
      }),
      ([one, other]) => {
        const apply = (all: typeof one): MessageRow =>
          all.reduce(
            (before, { change, ...by }) => changed(before, change, meta(by)) ?? before,
            row,
          )
        expect(apply(other)).toEqual(apply(one))
      },
    ),
    { numRuns: 2_000 },
  )
})

test('only who wrote a message edits or deletes it', () => {
  expect(changed(row, edit('theirs'), meta({ mine: false }))).toBeNull()
  expect(changed(row, taken, meta({ mine: false }))).toBeNull()
  expect(changed(row, edit('mine'), meta())?.text).toBe('mine')
  expect(changed(row, taken, meta())).toMatchObject({ text: '', deleted: true })
})

test('an edit is taken for 48 hours, and not a millisecond longer', () => {
  const at = (sentAtMs: number) => changed(row, edit('later'), meta({ sentAtMs }))
  expect(at(row.sentAtMs + EDIT_WITHIN_MS)?.text).toBe('later')
  expect(at(row.sentAtMs + EDIT_WITHIN_MS + 1)).toBeNull()
})

test('nothing of a message is left once it is deleted, but that there was one', () => {
  const before = changed(changed(row, react('👍'), meta({ mine: false }))!, edit('again'), meta())!
  const after = changed(before, taken, meta({ clock: 3 }))!
  expect(after).toEqual({ ...row, text: '', deleted: true })
  expect(changed(after, edit('back'), meta({ clock: 9 }))).toBeNull()
  expect(changed(after, react('👍'), meta({ clock: 9 }))).toBeNull()
})

test('what announces a time cannot be changed', () => {
  expect(changed({ ...row, text: '', announcedMs: 0 }, edit('x'), meta())).toBeNull()
})

test.each(['👍', '❤️', '🏳️‍🌈', '👩🏽‍❤️‍💋‍👨🏿', '🇩🇪', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '1️⃣', '👨‍👩‍👧‍👦'])('%s is one emoji', (text) => {
  expect(isEmoji(text)).toBe(true)
})

test.each(['', 'a', '1', '👍👍', '👍 ', 'ok👍', '\u202E👍', '🇩🇪🇫🇷'])(
  '%j is not one emoji',
  (text) => {
    expect(isEmoji(text)).toBe(false)
  },
)
