import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  MAX_PICTURE_BYTES,
  PictureTooLargeError,
  QrReader,
} from '../../../../../src/lib/features/contacts/ui/qr-reader.ts'

/** How many pictures were opened, each of which has a code that says so. */
let opened: number

beforeEach(() => {
  opened = 0
  vi.stubGlobal('document', { createElement: () => ({}) })
  vi.stubGlobal('createImageBitmap', () => {
    opened += 1
    return Promise.resolve({ width: 1, height: 1, close: () => undefined })
  })
  vi.stubGlobal(
    'BarcodeDetector',
    class {
      static getSupportedFormats = () => Promise.resolve(['qr_code'])
      detect = () => Promise.resolve([{ rawValue: 'a code' }])
    },
  )
})

afterEach(() => {
  vi.unstubAllGlobals()
})

test('a picture as large as allowed is searched for a code, a larger one is not even opened', async () => {
  const reader = new QrReader()
  const picture = (size: number): Blob => ({ size }) as Blob
  expect(await reader.readPicture(picture(MAX_PICTURE_BYTES))).toBe('a code')
  await expect(reader.readPicture(picture(MAX_PICTURE_BYTES + 1))).rejects.toThrow(
    PictureTooLargeError,
  )
  expect(opened).toBe(1)
})
