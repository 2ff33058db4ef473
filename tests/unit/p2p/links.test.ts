import { expect, test } from 'vitest'
import {
  CROSSING_MS,
  LANE_WORD_MS,
  RELAYED_SPARE_MS,
  TRIAL_WORD_MS,
} from '../../../src/lib/p2p/keeper/links.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { connect, FakeSide, LARGER, SMALLER } from './fake-network.ts'

function sides() {
  const clock = new ManualClock()
  return { clock, small: new FakeSide(SMALLER, clock), large: new FakeSide(LARGER, clock) }
}

test('of two direct connections one side opened, the newer stays', () => {
  const { small, large } = sides()
  const older = connect(large, small, 'direct')
  const newer = connect(large, small, 'direct')
  expect(older.status).toBe('closed')
  expect(small.links.of(LARGER).map(({ id }) => id)).toEqual([newer.id])
  expect(large.links.of(SMALLER).map(({ id }) => id)).toEqual([newer.id])
})

test.for(['small first', 'large first'])(
  "of two that crossed, the smaller peer id's stays (%s)",
  (order) => {
    const { small, large } = sides()
    const open = {
      small: () => connect(small, large, 'direct'),
      large: () => connect(large, small, 'direct'),
    }
    const own = order === 'small first' ? open.small() : (open.large(), open.small())
    if (order === 'small first') open.large()
    expect(small.links.of(LARGER).map(({ id }) => id)).toEqual([own.id])
    expect(large.links.of(SMALLER).map(({ id }) => id)).toEqual([own.id])
  },
)

test('of two opened far apart by different sides, the newer stays', () => {
  const { clock, small, large } = sides()
  connect(small, large, 'direct')
  clock.advance(CROSSING_MS + 1)
  const newer = connect(large, small, 'direct')
  expect(small.links.of(LARGER).map(({ id }) => id)).toEqual([newer.id])
})

test('a relayed connection stays beside a direct one and counts again without it', () => {
  const { small, large } = sides()
  const paths: string[] = []
  small.links.addEventListener('path', ({ detail }) => paths.push(detail.path))
  connect(small, large, 'relayed')
  const direct = connect(large, small, 'direct')
  direct.abort(new Error('gone'))
  expect(paths).toEqual(['relayed', 'direct', 'relayed'])
})

test('a second relayed connection is closed only after an upgrade had its time', () => {
  const { clock, small, large } = sides()
  connect(small, large, 'relayed')
  connect(large, small, 'relayed')
  clock.advance(RELAYED_SPARE_MS - 1)
  expect(small.links.of(LARGER)).toHaveLength(2)
  clock.advance(1)
  expect(small.links.of(LARGER)).toHaveLength(1)
  expect(clock.pending).toBe(0)
})

test('detached, it holds nothing and says that everybody is offline', () => {
  const { clock, small, large } = sides()
  connect(small, large, 'relayed')
  connect(large, small, 'relayed')
  small.links.detach()
  large.links.detach()
  expect(small.links.path(LARGER)).toBe('offline')
  expect(clock.pending).toBe(0)
})

test('a lane stays beside the direct connection that counts, and counts when that is gone', async () => {
  const { clock, small, large } = sides()
  const counts = connect(small, large, 'direct')
  const lane = await small.links.aside(LARGER, 'direct', () =>
    Promise.resolve(connect(small, large, 'direct')),
  )
  expect(lane?.aside).toBe(true)
  expect(small.links.best(LARGER)?.id).toBe(counts.id)

  large.links.setAside(large.links.of(SMALLER).find(({ id }) => id === lane!.id)!)
  clock.advance(LANE_WORD_MS)
  expect(large.links.best(SMALLER)?.id).toBe(counts.id)
  expect(large.links.of(SMALLER)).toHaveLength(2)

  counts.abort(new Error('gone'))
  expect(small.links.best(LARGER)?.id).toBe(lane!.id)
  expect(large.links.path(SMALLER)).toBe('direct')
})

test('a lane that comes to nothing takes no place', async () => {
  const { clock, small, large } = sides()
  const counts = connect(small, large, 'direct')
  const dial = () => Promise.resolve(connect(small, large, 'direct'))
  const lane = await small.links.aside(LARGER, 'direct', dial)
  large.links.setAside(large.links.of(SMALLER).find(({ id }) => id === lane!.id)!)
  const next = await small.links.aside(LARGER, 'direct', dial)
  next!.connection.abort(new Error('gone'))
  clock.advance(LANE_WORD_MS)
  expect(large.links.best(SMALLER)?.id).toBe(counts.id)
  expect(large.links.of(SMALLER)).toHaveLength(2)
})

test('of two direct connections the peer opened, the older goes when the newer has not become a lane in time', () => {
  const { clock, small, large } = sides()
  connect(large, small, 'direct')
  // It has started anew, and knows nothing of the older one.
  large.links.detach()
  const newer = connect(large, small, 'direct')
  expect(small.links.best(LARGER)?.id).toBe(newer.id)
  clock.advance(LANE_WORD_MS - 1)
  expect(small.links.of(LARGER)).toHaveLength(2)
  clock.advance(1)
  expect(small.links.of(LARGER).map(({ id }) => id)).toEqual([newer.id])
})

test('a spare relayed connection stays when the other one ends first', () => {
  const { clock, small, large } = sides()
  connect(small, large, 'relayed')
  const other = connect(large, small, 'relayed')
  const counting = small.links.best(LARGER)!
  ;(counting.id === other.id ? other : counting.connection).abort(new Error('gone'))
  clock.advance(RELAYED_SPARE_MS)
  expect(small.links.of(LARGER)).toHaveLength(1)
})

/** Through one relay for some time, and now through another, which `large` tries. */
async function trying() {
  const scene = sides()
  const { clock, small, large } = scene
  const counts = connect(large, small, 'relayed')
  clock.advance(CROSSING_MS + 1)
  const trial = await large.links.aside(SMALLER, 'relayed', () =>
    Promise.resolve(connect(large, small, 'relayed')),
  )
  const theirs = small.links.of(LARGER).find(({ id }) => id === trial!.id)!
  return { ...scene, counts, trial: trial!, theirs }
}

test('a relayed connection that is tried counts on neither side before it is used', async () => {
  const { small, large, counts, trial, theirs } = await trying()
  const told: string[] = []
  for (const { links, self } of [small, large]) {
    links.addEventListener('counts', ({ detail: { id } }) => told.push(`${self} ${id}`))
  }
  expect(small.links.best(LARGER)?.id).toBe(counts.id)
  expect(large.links.best(SMALLER)?.id).toBe(counts.id)
  large.links.count(trial)
  expect(large.links.best(SMALLER)).toBe(trial)
  expect(small.links.best(LARGER)?.id).toBe(counts.id)
  small.links.count(theirs)
  expect(small.links.best(LARGER)).toBe(theirs)
  small.links.count(theirs)
  expect(told).toEqual([`${LARGER} ${trial.id}`, `${SMALLER} ${trial.id}`])
})

test('the one it replaces stays until an upgrade had its time, and no timer is left', async () => {
  const { clock, small, large, counts, trial, theirs } = await trying()
  large.links.count(trial)
  small.links.count(theirs)
  clock.advance(RELAYED_SPARE_MS - 1)
  expect(counts.status).toBe('open')
  clock.advance(1)
  expect(counts.status).toBe('closed')
  expect(clock.pending).toBe(0)
})

test('one that was tried in vain leaves everything as it was', async () => {
  const { clock, small, large, counts, trial } = await trying()
  trial.connection.abort(new Error('no better'))
  large.links.count(trial)
  expect(small.links.best(LARGER)?.id).toBe(counts.id)
  expect(large.links.best(SMALLER)?.id).toBe(counts.id)
  expect(clock.pending).toBe(0)
})

test('one that stays without a word counts: who opened it has lost the other', async () => {
  const { clock, small, counts, theirs } = await trying()
  clock.advance(TRIAL_WORD_MS - 1)
  expect(small.links.best(LARGER)?.id).toBe(counts.id)
  clock.advance(1)
  expect(small.links.best(LARGER)).toBe(theirs)
  clock.advance(RELAYED_SPARE_MS)
  expect(counts.status).toBe('closed')
})
