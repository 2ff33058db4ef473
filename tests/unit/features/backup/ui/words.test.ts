import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ASKED_WORDS, askedPlaces } from '#lib/features/backup/ui/asked-places.ts'
import { backupName } from '#lib/features/backup/ui/backup-name.ts'
import { phraseProblem, restoreProblem } from '#lib/features/backup/ui/problem-text.ts'
import * as errors from '#lib/features/backup/errors.ts'
import { nodeErrors } from '#lib/client/error-classes.ts'
import { encodeError } from '#lib/rpc/errors.ts'

test('three different words are asked for, in their order', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.double({ min: 0, max: 0.999_999, noNaN: true })), (stream) => {
      const places = askedPlaces(() => stream.next().value as number)
      expect(new Set(places).size).toBe(ASKED_WORDS)
      expect(places).toEqual(places.toSorted((a, b) => a - b))
      for (const place of places) expect(place >= 1 && place <= 24).toBe(true)
    }),
  )
})

test('whatever is wrong with a file has a sentence of its own, also across the port', () => {
  const sentences = [
    new errors.NotABackupError(''),
    new errors.NewerBackupError(''),
    new errors.TruncatedBackupError(''),
    new errors.DamagedBackupError(''),
    new errors.WrongBackupKeyError(''),
    new Error('anything else'),
  ].map((error) => restoreProblem(nodeErrors.decode(encodeError(error)), 'phrase'))
  sentences.push(restoreProblem(new errors.WrongBackupKeyError(''), 'password'))
  expect(new Set(sentences).size).toBe(sentences.length)
})

test('whatever is wrong with words has a sentence of its own', () => {
  const word = { type: 'word', place: 3, word: 'abandn' } as const
  const sentences = [
    phraseProblem({ type: 'count', count: 23 }),
    phraseProblem({ ...word, suggestions: [] }),
    phraseProblem({ ...word, suggestions: ['abandon'] }),
    phraseProblem({ type: 'checksum' }),
    phraseProblem({ type: 'phrase' }),
  ]
  expect(new Set(sentences).size).toBe(sentences.length)
  expect(sentences[2]).toContain('abandon')
})

test('backups sort by their names', () => {
  const days = [Date.UTC(2026, 8, 30, 12), Date.UTC(2026, 9, 1, 12), Date.UTC(2026, 10, 21, 12)]
  expect(days.map(backupName)).toEqual(days.map(backupName).toSorted())
})
