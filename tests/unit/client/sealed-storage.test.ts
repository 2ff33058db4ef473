import { expect, test } from 'vitest'
import { SealedStorage } from '#lib/client/sealed-storage.ts'
import { systemRandom } from '#lib/protocol/seams.ts'

function scene() {
  const items = new Map<string, string>()
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  }
  const open = (key = 1) => new SealedStorage(storage, new Uint8Array(32).fill(key), systemRandom)
  return { items, open }
}

test('what one page leaves, the next one finds', () => {
  const { open } = scene()
  open().setItem('anna', 'see you at')
  open().setItem('boris', 'до встречи \u{1f426}')
  expect(open().getItem('anna')).toBe('see you at')
  expect(open().getItem('boris')).toBe('до встречи \u{1f426}')
  expect(open().getItem('__proto__')).toBeNull()
})

test('neither words nor whom they were for can be read', () => {
  const { items, open } = scene()
  open().setItem('anna', 'see you at')
  expect([...items].join()).not.toMatch(/anna|see/)
  expect([...items.values()][0]).toMatch(/^[0-9a-f]+$/)
})

test('nothing is left when all was taken back', () => {
  const { items, open } = scene()
  open().setItem('anna', 'see you at')
  open().setItem('boris', 'or not')
  open().removeItem('anna')
  expect(open().getItem('anna')).toBeNull()
  open().removeItem('boris')
  expect(items.size).toBe(0)
})

test.each(['00', 'not hex', 'ab'.repeat(60)])(
  'of another key, or broken: %s is dropped',
  (item) => {
    const { items, open } = scene()
    open(2).setItem('anna', 'see you at')
    expect(open(1).getItem('anna')).toBeNull()
    expect(items.size).toBe(0)
    items.set('starling.parting', item)
    expect(open().getItem('anna')).toBeNull()
    open().setItem('anna', 'anew')
    expect(open().getItem('anna')).toBe('anew')
  },
)
