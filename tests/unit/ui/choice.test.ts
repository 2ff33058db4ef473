import { expect, test } from 'vitest'
import { isOver } from '../../../src/lib/ui/choice.ts'

const asked = { value: 'dark', before: 'light', kept: false }
const kept = { ...asked, kept: true }

test('what was chosen is shown until it is so', () => {
  expect(isOver(asked, 'light')).toBe(false)
  expect(isOver(kept, 'light')).toBe(false)
  expect(isOver(asked, 'dark')).toBe(true)
})

test('while it is not kept, what was chosen before it and comes later is not shown', () => {
  expect(isOver(asked, 'auto')).toBe(false)
})

test('what another tab chose meanwhile is shown, whether it came before it was kept or after', () => {
  expect(isOver(kept, 'auto')).toBe(true)
})
