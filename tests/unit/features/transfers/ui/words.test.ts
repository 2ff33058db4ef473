import { describe, expect, test } from 'vitest'
import { nodeErrors } from '#lib/client/error-classes.ts'
import type { TransferProblem, TransferState } from '#lib/features/transfers/api.ts'
import { NothingToShareError } from '#lib/features/transfers/errors.ts'
import { shareChoices, shareProblem } from '#lib/features/transfers/ui/share-choices.ts'
import { removalText, transferActions } from '#lib/features/transfers/ui/transfer-actions.ts'
import {
  connectionQuality,
  isSought,
  isUnderWay,
  nextStep,
  paceText,
  rowText,
  servedText,
  shareHere,
  stateText,
} from '#lib/features/transfers/ui/transfer-words.ts'
import { InvalidDataError, LimitExceededError, StorageFullError } from '#lib/protocol/errors.ts'
import { encodeError } from '#lib/rpc/errors.ts'
import { transferWith as transfer } from '../../../../fixtures/transfers.ts'

const ONGOING = ['looking', 'getting', 'waiting', 'paused', 'complete'] as const
const STATES: readonly TransferState[] = ['reading', 'shared', 'ended', ...ONGOING, 'failed']
const PROBLEMS: readonly TransferProblem[] = [
  'revoked',
  'expired',
  'limit-reached',
  'storage-full',
  'unreadable',
  'damaged',
]

describe('how it stands', () => {
  test('has words of its own for every state', () => {
    const words = STATES.map((state) => stateText(transfer({ state })))
    expect(new Set(words).size).toBe(STATES.length)
  })

  test.each(['sharing', 'getting'] as const)(
    'has words of its own and a next step for every problem, where %s',
    (role) => {
      const failed = PROBLEMS.map((problem) => transfer({ role, state: 'failed', problem }))
      expect(new Set(failed.map(stateText)).size).toBe(PROBLEMS.length)
      expect(new Set(failed.map(nextStep)).size).toBe(PROBLEMS.length)
      expect(failed.map(nextStep)).not.toContain(null)
    },
  )

  test('says what comes next wherever nothing moves', () => {
    for (const state of STATES) {
      for (const role of ['sharing', 'getting'] as const) {
        if (state !== 'getting') expect(nextStep(transfer({ state, role })), state).not.toBeNull()
      }
    }
    expect(nextStep(transfer({ awaitsTurn: true }))).toMatch(/^Waiting for your turn/u)
  })

  test('tells in its row how fast it comes and how long it takes, and its state while that is not known', () => {
    expect(rowText(transfer())).toBe('Getting…')
    const moving = { bytesPerSecond: { down: 2_100_000, up: 0 }, msLeft: 180_000 }
    expect(rowText(transfer(moving))).toBe('3 min left · 2.1 MB/s')
    // What was measured before it stopped is not said any more.
    expect(rowText(transfer({ ...moving, state: 'waiting' }))).toBe('Waiting for who has it')
  })

  test('tells in its row what place it has while others come first', () => {
    const queued = transfer({ state: 'queued' })
    expect(rowText(queued, { at: 4, of: 5 })).toBe('In line: 4 of 5')
    expect(rowText(queued)).toBe('Comes after others')
    expect(rowText(transfer(), { at: 1, of: 5 })).toBe('Getting…')
  })

  test('tells in its row how many people are getting it', () => {
    const shared = { role: 'sharing', state: 'shared' } as const
    expect(rowText(transfer(shared))).toBe('Shared')
    expect(rowText(transfer({ ...shared, readers: 1 }))).toBe('1 person is getting it')
    expect(rowText(transfer({ ...shared, readers: 3 }))).toBe('3 people are getting it')
  })

  test('tells how many people have all of what is shared, in its row while nobody is getting it', () => {
    const shared = { role: 'sharing', state: 'shared' } as const
    expect(servedText(transfer(shared))).toBeNull()
    expect(servedText(transfer({ ...shared, state: 'paused', served: 1 }))).toBe(
      '1 person has all of it',
    )
    expect(servedText(transfer({ ...shared, state: 'ended', served: 2 }))).toBeNull()
    expect(rowText(transfer({ ...shared, served: 2 }))).toBe('2 people have all of it')
    expect(rowText(transfer({ ...shared, served: 2, readers: 1 }))).toBe('1 person is getting it')
  })

  test('has no pace while nothing comes, though some is passed on', () => {
    expect(paceText(transfer({ bytesPerSecond: { down: 0, up: 5000 } }))).toBeNull()
  })
})

test('says of a link that as many have used as may that it is used up', () => {
  const shared = { role: 'sharing', state: 'shared', downloadLimit: 2 } as const
  expect(nextStep(transfer({ ...shared, takers: 1 }))).toMatch(/^Others can get it/u)
  expect(nextStep(transfer({ ...shared, takers: 2 }))).toMatch(/^As many people as you chose/u)
})

test('says of what is all here that whoever shared it took the link back', () => {
  const here = { state: 'complete', problem: 'revoked' } as const
  expect(nextStep(transfer(here))).toMatch(/took the link back/u)
  expect(nextStep(transfer({ ...here, stays: false }))).toMatch(/You keep your files/u)
})

test('who has it is sought only while it is wanted now', () => {
  const sought = [...STATES, 'queued' as const].filter((state) => isSought(transfer({ state })))
  expect(sought).toEqual(['looking', 'getting', 'waiting'])
})

describe('how far it is', () => {
  test('is a share of the whole, and not known before its size', () => {
    expect(shareHere(transfer())).toBe(0.25)
    expect(shareHere(transfer({ bytes: null }))).toBeNull()
    expect(shareHere(transfer({ bytes: 0, verifiedBytes: 0 }))).toBe(1)
  })

  test('is shown until it is all here, or will not come', () => {
    expect(STATES.filter((state) => isUnderWay({ role: 'sharing', state }))).toEqual(['reading'])
    expect(STATES.filter((state) => isUnderWay({ role: 'getting', state }))).toEqual([
      'reading',
      'looking',
      'getting',
      'waiting',
      'paused',
    ])
  })
})

describe('what can be done', () => {
  test('is to pause what goes on, and to go on with what was paused', () => {
    for (const state of ['looking', 'getting', 'waiting'] as const) {
      expect(transferActions(transfer({ state }))).toMatchObject({ pause: true, resume: false })
    }
    expect(transferActions(transfer({ state: 'paused' }))).toMatchObject({
      pause: false,
      resume: true,
    })
  })

  test('is to try again only what another try can change', () => {
    const again = [null, ...PROBLEMS].filter(
      (problem) => transferActions(transfer({ state: 'failed', problem })).retry,
    )
    expect(again).toEqual([null, 'storage-full'])
  })

  test('is to make room where that is what was missing', () => {
    for (const role of ['sharing', 'getting'] as const) {
      const leading = [null, ...PROBLEMS].filter(
        (problem) => transferActions(transfer({ role, state: 'failed', problem })).makeRoom,
      )
      expect(leading).toEqual(['storage-full'])
    }
  })

  test('is to give its link to others only while it leads somewhere', () => {
    const leading = (role: 'sharing' | 'getting') =>
      [null, ...PROBLEMS].filter(
        (problem) => transferActions(transfer({ role, state: 'failed', problem })).passOn,
      )
    expect(leading('sharing')).toEqual([null, 'storage-full'])
    expect(leading('getting')).toEqual([null, 'storage-full'])
    const used = transfer({ role: 'sharing', state: 'shared', downloadLimit: 2, takers: 2 })
    expect(transferActions(used).passOn).toBe(false)
    // All of it is here, but nobody gives it any more.
    expect(transferActions(transfer({ state: 'complete', problem: 'expired' })).passOn).toBe(false)
  })

  test('is to save what is all here, and to take back a link that works', () => {
    expect(STATES.filter((state) => transferActions(transfer({ state })).save)).toEqual([
      'complete',
    ])
    expect(
      STATES.filter((state) => transferActions(transfer({ state, role: 'sharing' })).revoke),
    ).toEqual(['shared', 'paused'])
  })

  test('is to remove it, asked first unless nothing is lost', () => {
    const sharing = (state: TransferState) => removalText(transfer({ role: 'sharing', state }))
    expect(sharing('ended')).toBeNull()
    expect(sharing('shared')).not.toBeNull()
    expect(sharing('reading')).not.toBeNull()
    for (const state of ONGOING) expect(removalText(transfer({ state })), state).not.toBeNull()
  })
})

describe('the way to somebody', () => {
  const quality = (down: number, latencyMs: number | null, stalledForMs: number | null = null) =>
    connectionQuality({ bytesPerSecond: { down, up: 0 }, latencyMs, stalledForMs })

  test('is as good as an answer is quick while nothing goes over it', () => {
    const latencies = [null, 9, 149, 150, 499, 500, 4000]
    expect(latencies.map((latencyMs) => quality(0, latencyMs)?.grade)).toEqual([
      ...[undefined, 'good', 'good', 'fair', 'fair', 'poor', 'poor'],
    ])
    expect(quality(0, 9)?.words).toBe('Good connection')
  })

  test('is as good as what it carries, however quick an answer is', () => {
    const speeds = [99_999, 100_000, 999_999, 1_000_000]
    expect(speeds.map((speed) => quality(speed, 9)?.words)).toEqual([
      ...['Slow', 'Steady', 'Steady', 'Fast'],
    ])
    expect(quality(1_000_000, 4000)?.grade).toBe('good')
    expect(
      connectionQuality({
        bytesPerSecond: { down: 0, up: 5e6 },
        latencyMs: null,
        stalledForMs: null,
      })?.words,
    ).toBe('Fast')
  })

  test('is said to carry nothing for as long as it does', () => {
    expect(quality(0, 9, 8_000)).toEqual({ grade: 'poor', words: 'Nothing for 8 sec' })
  })
})

describe('the choices for a link', () => {
  const typed = { description: '', expiry: 'never', password: '', people: '', copy: 'no' } as const

  test('may all be left out', () => {
    expect(shareChoices(typed)).toEqual({
      description: '',
      expiresAfterMs: null,
      password: null,
      downloadLimit: null,
      copyForMs: null,
    })
  })

  test('are taken as they were typed', () => {
    expect(
      shareChoices({
        description: ' My trip\n',
        expiry: 'week',
        password: ' так ',
        people: ' 12 ',
        copy: 'no',
      }),
    ).toEqual({
      description: 'My trip',
      expiresAfterMs: 604_800_000,
      // Blanks are as good in a password as anything else.
      password: ' так ',
      downloadLimit: 12,
      copyForMs: null,
    })
  })

  test('have a copy kept, but not with a number of people, which no relay counts', () => {
    expect(shareChoices({ ...typed, copy: 'week' })).toMatchObject({ copyForMs: 604_800_000 })
    expect(shareChoices({ ...typed, copy: 'week', people: '3' })).toMatchObject({ field: 'people' })
  })

  test.each(['abc', '🐦🐦🐦'])('say that the password %s is too short', (password) => {
    expect(shareChoices({ ...typed, password })).toMatchObject({ field: 'password' })
  })

  test.each(['0', '-1', '1.5', 'two', '10001', '9999999'])(
    'say that %s is no number of people',
    (people) => {
      expect(shareChoices({ ...typed, people })).toMatchObject({ field: 'people' })
    },
  )

  test('are told apart when they cannot be kept to, also across the port', () => {
    const sentences = [
      new NothingToShareError(''),
      new LimitExceededError(''),
      new InvalidDataError(''),
      new StorageFullError(''),
      new Error('anything else'),
    ].map((error) => shareProblem(nodeErrors.decode(encodeError(error))).text)
    sentences.push(shareProblem(new DOMException('', 'NotReadableError')).text)
    expect(new Set(sentences).size).toBe(sentences.length)
  })

  test('lead to where room is made only when room is what they lack', () => {
    expect(shareProblem(new StorageFullError('')).noRoom).toBe(true)
    expect(shareProblem(new NothingToShareError('')).noRoom).toBe(false)
  })
})
