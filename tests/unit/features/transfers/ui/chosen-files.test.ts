import { describe, expect, test } from 'vitest'
import { FOLDER_TYPE } from '#lib/features/transfers/api.ts'
import {
  bytesOf,
  chosenFrom,
  countOf,
  filesIn,
  filesUnder,
  MAX_FILES,
  TooManyFilesError,
  withOwnPaths,
} from '#lib/features/transfers/ui/chosen-files.ts'
import { fileKind } from '#lib/features/transfers/ui/file-kind.ts'

function file(name: string, bytes = 1): FileSystemEntry {
  return {
    isFile: true,
    isDirectory: false,
    name,
    file(resolve: (file: File) => void) {
      resolve(new File([new Uint8Array(bytes)], name))
    },
  } as unknown as FileSystemEntry
}

/** Gives what is in it two at a time, as browsers give a hundred. */
function folder(name: string, inside: () => FileSystemEntry[]): FileSystemEntry {
  return {
    isFile: false,
    isDirectory: true,
    name,
    createReader() {
      const left = inside()
      return {
        readEntries(resolve: (entries: FileSystemEntry[]) => void) {
          resolve(left.splice(0, 2))
        },
      }
    },
  } as unknown as FileSystemEntry
}

describe('what was dropped', () => {
  test('keeps where each file lies, in folders of any depth', async () => {
    const chosen = await filesIn([
      folder('holiday', () => [
        folder('day 1', () => [file('beach.jpg', 3), file('waves.mp4', 4), file('sun.jpg', 5)]),
        folder('empty', () => []),
        file('notes.txt', 6),
      ]),
      file('map.pdf', 7),
    ])
    expect(chosen.map(({ path }) => path)).toEqual([
      'holiday/day 1/beach.jpg',
      'holiday/day 1/waves.mp4',
      'holiday/day 1/sun.jpg',
      'holiday/empty',
      'holiday/notes.txt',
      'map.pdf',
    ])
    expect(bytesOf(chosen)).toBe(25)
    expect(countOf(chosen)).toEqual({ files: 5, folders: 1 })
    expect(chosen[3]!.file.type).toBe(FOLDER_TYPE)
  })

  test('is not looked through to its end when it is too much', async () => {
    let read = 0
    const endless = folder('all', () =>
      Array.from({ length: 50 }, () => {
        read += 1
        return file(`${read}`)
      }),
    )
    await expect(filesIn([endless, endless, endless], 60)).rejects.toThrow(TooManyFilesError)
    expect(read).toBe(100)
  })

  test('ends in a folder that holds itself', async () => {
    const circle: FileSystemEntry = folder('circle', () => [circle])
    await expect(filesIn([circle])).rejects.toThrow(TooManyFilesError)
  })
})

describe('a folder that was chosen', () => {
  const handle = (kind: string, name: string, rest: object) => ({ kind, name, ...rest })
  const file = (name: string) =>
    handle('file', name, { getFile: () => Promise.resolve(new File(['a'], name)) })
  const folder = (name: string, ...inside: object[]) =>
    handle('directory', name, {
      // eslint-disable-next-line @typescript-eslint/require-await -- as the browser gives them, one by one
      async *values() {
        yield* inside
      },
    }) as unknown as FileSystemDirectoryHandle

  test('comes with its name, and with the empty folders in it', async () => {
    const chosen = await filesUnder(folder('trip', folder('later', folder('evening')), file('a')))
    expect(chosen.map(({ path, file }) => [path, file.type])).toEqual([
      ['trip/later/evening', FOLDER_TYPE],
      ['trip/a', ''],
    ])
    expect(countOf(await filesUnder(folder('trip')))).toEqual({ files: 0, folders: 1 })
  })
})

describe('what was chosen', () => {
  test('has its bare name where no folder was', () => {
    expect(chosenFrom([new File(['a'], 'a.txt')]).map(({ path }) => path)).toEqual(['a.txt'])
  })

  test('keeps where it lies in a folder, where the browser has a field for one', () => {
    const file = Object.defineProperty(new File(['a'], 'a.txt'), 'webkitRelativePath', {
      value: 'trip/a.txt',
    })
    expect(chosenFrom([file]).map(({ path }) => path)).toEqual(['trip/a.txt'])
  })

  test('may not be too much either', () => {
    const one = new File([], 'a')
    expect(() => chosenFrom(Array.from({ length: MAX_FILES + 1 }, () => one))).toThrow(
      TooManyFilesError,
    )
  })

  test('is told apart where names are the same', () => {
    const blob = new Blob()
    const paths = ['image.png', 'image.png', 'image (2).png', 'image.png', 'a.b/c', 'a.b/c'].map(
      (path) => ({ path, file: blob }),
    )
    expect(withOwnPaths(paths).map(({ path }) => path)).toEqual([
      'image.png',
      'image (2).png',
      'image (2) (2).png',
      'image (3).png',
      'a.b/c',
      'a.b/c (2)',
    ])
  })
})

test.each([
  ['beach.JPG', '', 'image'],
  ['beach', 'image/jpeg', 'image'],
  ['song.flac', '', 'sound'],
  ['talk.bin', 'video/mp4', 'video'],
  ['scans.tar.gz', 'application/gzip', 'archive'],
  ['folder.zip/notes', '', 'other'],
  ['x.constructor', '', 'other'],
  ['pictures.zip', 'inode/directory', 'folder'],
])('%s of the type "%s" is shown as %s', (name, mediaType, kind) => {
  expect(fileKind(name, mediaType)).toBe(kind)
})
