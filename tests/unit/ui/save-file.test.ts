import { afterEach, expect, test, vi } from 'vitest'
import { beginSaving } from '../../../src/lib/ui/save-file.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

function withPicker(picked: () => Promise<unknown>) {
  const showSaveFilePicker = vi.fn(picked)
  vi.stubGlobal('window', { showSaveFilePicker })
  return showSaveFilePicker
}

test('where the browser lets a place be chosen, pieces go there and stay once they are kept', async () => {
  const told: string[] = []
  const writable = {
    write: (piece: Uint8Array) => Promise.resolve(void told.push(`write ${piece.byteLength}`)),
    close: () => Promise.resolve(void told.push('close')),
  }
  const picker = withPicker(() =>
    Promise.resolve({ createWritable: () => Promise.resolve(writable) }),
  )
  const saving = await beginSaving('a.zip')
  await saving?.write(new Uint8Array(3))
  expect(saving?.byPress).toBe(false)
  expect(await saving?.keep()).toBe(true)
  expect(told).toEqual(['write 3', 'close'])
  expect(picker).toHaveBeenCalledWith({ suggestedName: 'a.zip' })
})

test('nothing is begun where the person chose no place', async () => {
  withPicker(() => Promise.reject(new DOMException('', 'AbortError')))
  expect(await beginSaving('a.zip')).toBeNull()
})

test('what stands in the way of a place is said', async () => {
  withPicker(() => Promise.reject(new DOMException('', 'SecurityError')))
  await expect(beginSaving('a.zip')).rejects.toThrow(DOMException)
})

test('a share sheet that was closed keeps nothing, and can be opened again', async () => {
  const share = vi.fn<(data: { files: File[] }) => Promise<void>>()
  share.mockRejectedValueOnce(new DOMException('', 'AbortError')).mockResolvedValueOnce()
  vi.stubGlobal('window', {})
  vi.stubGlobal('navigator', { standalone: true, canShare: () => true, share })
  const saving = await beginSaving('a.txt')
  await saving?.write(new Uint8Array([97]))
  expect(saving?.byPress).toBe(true)
  expect(await saving?.keep()).toBe(false)
  expect(await saving?.keep()).toBe(true)
  const [file] = share.mock.calls[1]![0].files
  expect(file?.name).toBe('a.txt')
  expect(await file?.text()).toBe('a')
})
