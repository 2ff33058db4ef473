import { describe, expect, test } from 'vitest'
import type { SearchHit } from '../../../../../src/lib/features/chat/api.ts'
import {
  SEARCH_PAUSE_MS,
  SearchView,
} from '../../../../../src/lib/features/chat/ui/search-view.svelte.ts'
import { ManualClock } from '../../../../fixtures/manual-clock.ts'

function scene() {
  const clock = new ManualClock()
  const asked: { query: string; answer: (hits: SearchHit[]) => void; refuse: () => void }[] = []
  const view = new SearchView(
    {
      search: (query) =>
        new Promise((answer, reject) => {
          asked.push({
            query,
            answer,
            refuse: () => {
              reject(new Error('not now'))
            },
          })
        }),
    },
    clock,
  )
  return { view, clock, asked }
}

const hits = (text: string) => [{ text }] as SearchHit[]
const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
}

describe('the search', () => {
  test('asks once typing pauses', () => {
    const { view, clock, asked } = scene()
    view.type('a')
    clock.advance(SEARCH_PAUSE_MS - 1)
    view.type('an')
    clock.advance(SEARCH_PAUSE_MS)
    expect(asked.map(({ query }) => query)).toEqual(['an'])
  })

  test('never shows an answer that was overtaken', async () => {
    const { view, clock, asked } = scene()
    view.type('a')
    clock.advance(SEARCH_PAUSE_MS)
    view.type('an')
    clock.advance(SEARCH_PAUSE_MS)
    asked[1]!.answer(hits('new'))
    asked[0]!.answer(hits('old'))
    await settle()
    expect(view.hits).toEqual(hits('new'))
  })

  test('shows nothing for blanks, nor after it was cleared', async () => {
    const { view, clock, asked } = scene()
    view.type('  ')
    expect(view.active).toBe(false)
    view.type('a')
    clock.advance(SEARCH_PAUSE_MS)
    view.clear()
    asked[0]!.answer(hits('late'))
    await settle()
    expect(view.hits).toBeNull()
    expect(clock.pending).toBe(0)
  })

  test('says when it failed, until it works again', async () => {
    const { view, clock, asked } = scene()
    view.type('a')
    clock.advance(SEARCH_PAUSE_MS)
    asked[0]!.refuse()
    await settle()
    expect(view.failed).toBe(true)
    view.type('an')
    clock.advance(SEARCH_PAUSE_MS)
    asked[1]!.answer(hits('found'))
    await settle()
    expect(view.failed).toBe(false)
  })
})
