import { expect, test } from 'vitest'
import { Attachments, MAX_AUTOMATIC_BYTES } from '#lib/features/chat/attachments.ts'
import type { MessageRow } from '#lib/db/schema.ts'
import type { Enclosures } from '#lib/features/transfers/api.ts'
import { silentLogger } from '../../../fixtures/fake-network.ts'

const ANNA = 'anna'
const BEN = 'ben'

/** What is got by itself of messages that come, while bytes cost nothing, or do. */
function setUp({ isUnmetered = true } = {}) {
  const got: string[] = []
  const enclosures: Pick<Enclosures, 'fetch'> = {
    fetch: ({ content }) => {
      got.push(content)
      return Promise.resolve()
    },
  }
  const attachments = new Attachments({
    me: 'me',
    enclosures,
    store: {},
    relaysOf: () => [],
    isUnmetered: () => isUnmetered,
    logger: silentLogger,
  } as never)
  attachments.automatic = { when: 'always', upToBytes: Infinity }
  const arrives = (from: string, bytes: number, content = 'file'): void => {
    attachments.arrived({
      conversation: from,
      content,
      attachment: { bytes, key: new Uint8Array(32) },
    } as unknown as MessageRow)
  }
  return { attachments, arrives, got }
}

test('of one conversation so much is got by itself and no more, of another still', () => {
  const { arrives, got } = setUp()
  arrives(ANNA, MAX_AUTOMATIC_BYTES - 1, 'most')
  arrives(ANNA, 1, 'the last byte')
  arrives(ANNA, 1, 'past it')
  arrives(BEN, 1, 'of another')
  expect(got).toEqual(['most', 'the last byte', 'of another'])
})

test('what is too much for it leaves room for less', () => {
  const { arrives, got } = setUp()
  arrives(ANNA, MAX_AUTOMATIC_BYTES + 1, 'too much')
  arrives(ANNA, MAX_AUTOMATIC_BYTES, 'all of it')
  expect(got).toEqual(['all of it'])
})

test('a file is got by itself up to the size the person chose', () => {
  const { attachments, arrives, got } = setUp()
  attachments.automatic = { when: 'always', upToBytes: 10 }
  arrives(ANNA, 11, 'larger')
  arrives(ANNA, 10, 'as large')
  expect(got).toEqual(['as large'])
})

test.each([
  ['unmetered', true, ['file']],
  ['unmetered', false, []],
  ['always', false, ['file']],
  ['never', true, []],
] as const)('when it is to be %s, and bytes cost nothing: %s', (when, isUnmetered, expected) => {
  const { attachments, arrives, got } = setUp({ isUnmetered })
  attachments.automatic = { when, upToBytes: 10 }
  arrives(ANNA, 1)
  expect(got).toEqual(expected)
})

test('before it is known what the person wants nothing is got by itself', () => {
  const { attachments, arrives, got } = setUp()
  attachments.automatic = null
  arrives(ANNA, 1)
  expect(got).toEqual([])
})
