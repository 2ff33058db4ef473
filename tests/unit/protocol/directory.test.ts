import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  directoryRequest,
  type DirectoryRequest,
  directoryResponse,
  type DirectoryResponse,
  MAX_DIRECTORY_REQUEST_BYTES,
} from '#lib/protocol/directory.ts'
import { InvalidDataError, LimitExceededError, StarlingError } from '#lib/protocol/errors.ts'
import { MAX_PEER_RECORD_BYTES } from '#lib/protocol/peer-record.ts'
import { MAX_RELAY_LIST_BYTES } from '#lib/protocol/relay-list.ts'
import { signerOf } from '../../fixtures/signers.ts'

const { peer } = await signerOf(1)
const record = new Uint8Array(MAX_PEER_RECORD_BYTES)

test.each<DirectoryRequest>([
  { type: 'publish', record },
  { type: 'lookup', peer },
  { type: 'relays' },
])('a request to $type comes back from its bytes', (request) => {
  expect(directoryRequest.decode(directoryRequest.encode(request))).toEqual(request)
})

test.each<DirectoryResponse>([
  { type: 'stored' },
  { type: 'found', record },
  { type: 'unknown' },
  { type: 'relays', list: new Uint8Array(MAX_RELAY_LIST_BYTES) },
  { type: 'refused', reason: 'stale' },
])('the response $type comes back from its bytes', (response) => {
  expect(directoryResponse.decode(directoryResponse.encode(response))).toEqual(response)
})

test('a record one byte too long is refused', () => {
  const request = { type: 'publish', record: new Uint8Array(MAX_PEER_RECORD_BYTES + 1) } as const
  expect(() => directoryRequest.encode(request)).toThrow(InvalidDataError)
})

test('a frame one byte too long is refused before it is decoded', () => {
  const decode = (bytes: number) => () => directoryRequest.decode(new Uint8Array(bytes))
  expect(decode(MAX_DIRECTORY_REQUEST_BYTES)).toThrow(InvalidDataError)
  expect(decode(MAX_DIRECTORY_REQUEST_BYTES + 1)).toThrow(LimitExceededError)
})

test('any bytes are a request or our own error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        directoryRequest.decode(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(StarlingError)
      }
    }),
  )
})
