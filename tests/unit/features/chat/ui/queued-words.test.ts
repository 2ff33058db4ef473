import { expect, test } from 'vitest'
import { queuedWords } from '../../../../../src/lib/features/chat/ui/queued-words.ts'

test('what a message waits for is what would let it go', () => {
  expect(queuedWords('mutual', 'Ada')).toContain(
    'as soon as Ada or one of their relays can be reached',
  )
  expect(queuedWords('waiting', 'Ada')).toContain('once Ada has accepted your request')
  expect(queuedWords('changed', 'Ada')).toContain('once you have accepted it')
  expect(queuedWords('blocked', 'Ada')).toContain('if you unblock them')
  expect(queuedWords(null, 'Ada')).toContain('not in your contacts any more')
})
