import { afterEach, expect, test, vi } from 'vitest'
import { canPickFolders } from '../../../src/lib/ui/pick-folder.ts'
import { beginSavingFolder } from '../../../src/lib/ui/save-folder.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

/** A folder as the File System Access API has it: names lead to folders, or to files of texts. */
type Tree = Map<string, Tree | string[]>

function handleOf(tree: Tree) {
  // As on Windows and macOS, where capitals make no other name.
  const called = (name: string) =>
    [...tree.keys()].find((each) => each.toLowerCase() === name.toLowerCase()) ?? name
  const at = (wanted: string, create: boolean, folder: boolean): Tree | string[] => {
    const name = called(wanted)
    const found = tree.get(name)
    if (found === undefined && !create) throw new DOMException('', 'NotFoundError')
    const entry = found ?? (folder ? new Map<string, Tree | string[]>() : [])
    if (entry instanceof Map !== folder) throw new DOMException('', 'TypeMismatchError')
    tree.set(name, entry)
    return entry
  }
  return {
    // eslint-disable-next-line @typescript-eslint/require-await -- what it throws is a rejection
    async getDirectoryHandle(name: string, { create = false } = {}): Promise<unknown> {
      return handleOf(at(name, create, true) as Tree)
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- what it throws is a rejection
    async getFileHandle(name: string, { create = false } = {}): Promise<unknown> {
      const pieces = at(name, create, false) as string[]
      const write = (piece: Uint8Array) =>
        Promise.resolve(void pieces.push(new TextDecoder().decode(piece)))
      return { createWritable: () => Promise.resolve({ write, close: () => Promise.resolve() }) }
    },
    removeEntry: (name: string) => Promise.resolve(void tree.delete(name)),
  }
}

async function folderWith(tree: Tree) {
  vi.stubGlobal('window', { showDirectoryPicker: () => Promise.resolve(handleOf(tree)) })
  const saving = (await beginSavingFolder())!
  const write = async (path: string, text: string) => {
    const file = await saving.file(path)
    await file.write(new TextEncoder().encode(text))
    await file.close()
  }
  return { saving, write }
}

test('files lie in their folders, and empty folders are made', async () => {
  const tree: Tree = new Map()
  const { saving, write } = await folderWith(tree)
  await write('holiday/day 1/beach.jpg', 'beach')
  await write('holiday/notes.txt', 'warm')
  await saving.folder('holiday/day 2/evening')
  expect(tree).toEqual(
    new Map([
      [
        'holiday',
        new Map<string, Tree | string[]>([
          ['day 1', new Map([['beach.jpg', ['beach']]])],
          ['notes.txt', ['warm']],
          ['day 2', new Map([['evening', new Map()]])],
        ]),
      ],
    ]),
  )
})

test('what is there stays: the others get other names', async () => {
  const tree: Tree = new Map<string, Tree | string[]>([
    ['holiday', new Map()],
    ['holiday (2)', ['a file']],
    ['a.txt', ['mine']],
  ])
  const { saving, write } = await folderWith(tree)
  await write('holiday/one', '1')
  await write('holiday/two', '2')
  await write('a.txt', 'theirs')
  expect(tree.get('holiday')).toEqual(new Map())
  expect([...(tree.get('holiday (3)') as Tree).keys()]).toEqual(['one', 'two'])
  expect(tree.get('a.txt')).toEqual(['mine'])
  expect(tree.get('a (2).txt')).toEqual(['theirs'])

  await saving.drop()
  expect([...tree.keys()]).toEqual(['holiday', 'holiday (2)', 'a.txt'])
})

test('no file takes the place of another whose name is the same but for capitals', async () => {
  const tree: Tree = new Map()
  const { write } = await folderWith(tree)
  for (const path of ['trip/A.txt', 'trip/a.txt', 'B', 'b']) await write(path, path)
  expect(tree).toEqual(
    new Map<string, Tree | string[]>([
      [
        'trip',
        new Map([
          ['A.txt', ['trip/A.txt']],
          ['a (2).txt', ['trip/a.txt']],
        ]),
      ],
      ['B', ['B']],
      ['b (2)', ['b']],
    ]),
  )
})

test('nothing is begun where the person chose none, or the browser has no folders', async () => {
  const picked = () => Promise.reject(new DOMException('', 'AbortError'))
  vi.stubGlobal('window', { showDirectoryPicker: picked })
  expect(canPickFolders()).toBe(true)
  expect(await beginSavingFolder()).toBeNull()
  vi.stubGlobal('window', {})
  expect(canPickFolders()).toBe(false)
})
