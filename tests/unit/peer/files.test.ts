import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FOLDER_TYPE } from '#lib/features/transfers/api.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import { chosenFiles } from '#peer/chosen-files.ts'
import { AlreadyThereError, UnreadablePathError, UnwritableFolderError } from '#peer/errors.ts'
import { mediaTypeOf } from '#peer/media-type.ts'
import { saveFiles, type SavedFile } from '#peer/saved-files.ts'

let folder: string
let outside: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-into-'))
  outside = await mkdtemp(join(tmpdir(), 'starling-outside-'))
})

afterEach(async () => {
  for (const each of [folder, outside]) await rm(each, { recursive: true })
})

function file(path: string, ...pieces: string[]): SavedFile {
  return {
    path,
    // eslint-disable-next-line @typescript-eslint/require-await -- as a content is read, piece by piece
    async *read() {
      for (const piece of pieces) yield Buffer.from(piece)
    },
  }
}

describe('files that are saved', () => {
  test('lie in their folders, whole, and nothing else does', async () => {
    await saveFiles([file('a.txt', 'a', 'b'), file('in/one/c', 'c'), file('empty')], {
      folder: join(folder, 'new'),
      replace: false,
    })
    const names = await readdir(join(folder, 'new'), { recursive: true })
    expect(names.sort()).toEqual(['a.txt', 'empty', 'in', 'in/one', 'in/one/c'])
    expect(await readFile(join(folder, 'new/a.txt'), 'utf8')).toBe('ab')
    expect(await readFile(join(folder, 'new/empty'), 'utf8')).toBe('')
  })

  const emptyFolder = (path: string): SavedFile => ({ path, read: null })

  test('have empty folders beside them, and one that is there already stays as it is', async () => {
    await mkdir(join(folder, 'in/two'), { recursive: true })
    await writeFile(join(folder, 'in/two/mine'), '')
    const all = [emptyFolder('in/one/deep'), emptyFolder('in/two'), file('in/a', 'a')]
    await saveFiles(all, { folder, replace: false })
    const names = await readdir(folder, { recursive: true })
    expect(names.sort()).toEqual(['in', 'in/a', 'in/one', 'in/one/deep', 'in/two', 'in/two/mine'])
    for (const replace of [false, true]) {
      const saving = saveFiles([file('b'), emptyFolder('in/a')], { folder, replace })
      await expect(saving).rejects.toThrow(AlreadyThereError)
    }
    await symlink(outside, join(folder, 'way'))
    const led = saveFiles([emptyFolder('way/in')], { folder, replace: true })
    await expect(led).rejects.toThrow(UnwritableFolderError)
    expect(await readdir(outside)).toEqual([])
  })

  test('take no name that is taken, and then none is written', async () => {
    await writeFile(join(folder, 'b'), 'mine')
    const saving = saveFiles([file('a', 'x'), file('b', 'y')], { folder, replace: false })
    await expect(saving).rejects.toThrow(AlreadyThereError)
    expect(await readdir(folder)).toEqual(['b'])
    expect(await readFile(join(folder, 'b'), 'utf8')).toBe('mine')
  })

  test('replace what is there when they are told to', async () => {
    await writeFile(join(folder, 'b'), 'mine')
    await saveFiles([file('b', 'theirs')], { folder, replace: true })
    expect(await readFile(join(folder, 'b'), 'utf8')).toBe('theirs')
  })

  test.each(['../a', '/etc/a', 'a/../../b', 'a\\..\\b', 'nul', 'a/./b', ''])(
    'do not lie at %j',
    async (path) => {
      const saving = saveFiles([file(path, 'x')], { folder, replace: true })
      await expect(saving).rejects.toThrow(InvalidDataError)
      expect(await readdir(folder)).toEqual([])
    },
  )

  test('are not led out of the folder by a link in it', async () => {
    await symlink(outside, join(folder, 'way'))
    for (const replace of [false, true]) {
      const saving = saveFiles([file('way/out', 'x')], { folder, replace })
      await expect(saving).rejects.toThrow(UnwritableFolderError)
    }
    await writeFile(join(outside, 'theirs'), 'theirs')
    await symlink(join(outside, 'theirs'), join(folder, 'link'))
    const onto = saveFiles([file('link', 'x')], { folder, replace: false })
    await expect(onto).rejects.toThrow(AlreadyThereError)
    await saveFiles([file('link', 'x')], { folder, replace: true })
    expect(await readdir(outside)).toEqual(['theirs'])
    expect(await readFile(join(outside, 'theirs'), 'utf8')).toBe('theirs')
  })

  test('leave nothing when they cannot be read to their end', async () => {
    const broken: SavedFile = {
      path: 'a',
      // eslint-disable-next-line @typescript-eslint/require-await -- as a content is read, piece by piece
      async *read() {
        yield Buffer.from('a')
        throw new InvalidDataError('gone')
      },
    }
    await expect(saveFiles([broken], { folder, replace: false })).rejects.toThrow(InvalidDataError)
    expect(await readdir(folder)).toEqual([])
  })
})

describe('files that are chosen', () => {
  test('are those named and all in folders, with their paths; links are left out', async () => {
    await mkdir(join(folder, 'holiday/day 1'), { recursive: true })
    await writeFile(join(folder, 'holiday/day 1/beach.jpg'), 'beach')
    await writeFile(join(folder, 'holiday/all.txt'), 'all')
    await writeFile(join(folder, 'b.txt'), 'b')
    await symlink(outside, join(folder, 'holiday/way'))
    const chosen = await chosenFiles([join(folder, 'b.txt'), join(folder, 'holiday')])
    expect(chosen.map(({ path }) => path)).toEqual([
      'b.txt',
      'holiday/all.txt',
      'holiday/day 1/beach.jpg',
    ])
    expect(await chosen[2]!.file.text()).toBe('beach')
    // Whoever gets them can look at them as at those of a browser.
    expect(chosen.map(({ file }) => file.type)).toEqual(['text/plain', 'text/plain', 'image/jpeg'])
  })

  test('have the empty folders beside them', async () => {
    await mkdir(join(folder, 'trip/later/evening'), { recursive: true })
    await mkdir(join(folder, 'trip/only a link'))
    await mkdir(join(folder, 'nothing'))
    await writeFile(join(folder, 'trip/a'), 'a')
    await symlink(outside, join(folder, 'trip/only a link/way'))
    const chosen = await chosenFiles([join(folder, 'trip'), join(folder, 'nothing')])
    expect(chosen.map(({ path, file }) => [path, file.type])).toEqual([
      ['trip/a', ''],
      ['trip/later/evening', FOLDER_TYPE],
      ['trip/only a link', FOLDER_TYPE],
      ['nothing', FOLDER_TYPE],
    ])
  })

  test.each([
    ['Beach.JPG', 'image/jpeg'],
    ['page.html', ''],
    ['x.constructor', ''],
    ['.txt', ''],
    ['notes', ''],
  ])('as %s have the type “%s”', (name, type) => {
    expect(mediaTypeOf(name)).toBe(type)
  })

  test('that are not there are said to be', async () => {
    await expect(chosenFiles([join(folder, 'none')])).rejects.toThrow(UnreadablePathError)
  })
})
