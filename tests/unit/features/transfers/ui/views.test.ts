import { describe, expect, test } from 'vitest'
import type { TransfersApi } from '#lib/features/transfers/api.ts'
import {
  MalformedLinkError,
  NothingToShareError,
  PasswordNeededError,
  WrongPasswordError,
} from '#lib/features/transfers/errors.ts'
import { GetView } from '#lib/features/transfers/ui/get-view.svelte.ts'
import { SaveView } from '#lib/features/transfers/ui/save-view.svelte.ts'
import { ShareView } from '#lib/features/transfers/ui/share-view.svelte.ts'
import type { FolderSaving } from '#lib/ui/save-folder.ts'
import type { Saving } from '#lib/ui/saving.ts'

describe('a link', () => {
  function scene(get: TransfersApi['get']) {
    return new GetView({ get })
  }

  test('leads to what it is for', async () => {
    const view = scene((link) => Promise.resolve(`got ${link}`))
    expect(await view.get('link', null)).toBe('got link')
    expect(view.busy).toBe(false)
  })

  test('asks for its password, says when it is wrong, and opens with the right one', async () => {
    const view = scene((_link, password) => {
      if (password === null) return Promise.reject(new PasswordNeededError(''))
      if (password !== 'right') return Promise.reject(new WrongPasswordError(''))
      return Promise.resolve('it')
    })
    expect(await view.get('link', null)).toBeNull()
    expect(view).toMatchObject({ asksPassword: true, problem: null })

    expect(await view.get('link', 'wrong')).toBeNull()
    expect(view).toMatchObject({ asksPassword: true, problem: 'WrongPasswordError' })

    expect(await view.get('link', 'right')).toBe('it')
    expect(view.problem).toBeNull()
  })

  test('that is none says so', async () => {
    const view = scene(() => Promise.reject(new MalformedLinkError('')))
    await view.get('link', null)
    expect(view).toMatchObject({ asksPassword: false, problem: 'MalformedLinkError', busy: false })
  })

  test('leads nowhere once it was left', async () => {
    const answer = Promise.withResolvers<string>()
    const view = scene(() => answer.promise)
    const got = view.get('link', null)
    view.clear()
    answer.resolve('it')
    expect(await got).toBeNull()
  })
})

describe('files to be shared', () => {
  const choices = {
    description: '',
    expiresAfterMs: null,
    password: null,
    downloadLimit: null,
    copyForMs: null,
  }

  test('are looked at first, and gone once they are shared', async () => {
    const shared: string[] = []
    const view = new ShareView({
      share(files) {
        shared.push(...files.map(({ path }) => path))
        return Promise.resolve('new')
      },
    })
    await view.take([new File(['a'], 'a.txt')])
    expect(view.chosen).toHaveLength(1)
    expect(shared).toEqual([])

    expect(await view.share(choices)).toBe('new')
    expect(shared).toEqual(['a.txt'])
    expect(view.chosen).toBeNull()
  })

  test('stay when they could not be shared, and it is said why', async () => {
    const view = new ShareView({ share: () => Promise.reject(new NothingToShareError('')) })
    await view.take([new File(['a'], 'a.txt')])
    expect(await view.share(choices)).toBeNull()
    expect(view.chosen).toHaveLength(1)
    expect(view.problem?.text).toMatch(/no file/)
    expect(view.sharing).toBe(false)
  })

  test('that take long to look through do not replace what was chosen after them', async () => {
    const view = new ShareView({ share: () => Promise.resolve('new') })
    const slow = Promise.withResolvers<File>()
    const entry = {
      isFile: true,
      name: 'slow',
      file: (resolve: (file: File) => void) => void slow.promise.then(resolve),
    } as unknown as FileSystemEntry
    const first = view.takeEntries([entry])
    expect(view.collecting).toBe(true)
    await view.take([new File([], 'quick')])
    slow.resolve(new File([], 'slow'))
    await first
    expect(view.chosen?.map(({ path }) => path)).toEqual(['quick'])
    expect(view.collecting).toBe(false)
  })
})

describe('saving', () => {
  function place(byPress = false) {
    const told: string[] = []
    const saving: Saving = {
      byPress,
      write(piece) {
        told.push(`write ${piece.byteLength}`)
        return Promise.resolve()
      },
      keep() {
        told.push('keep')
        return Promise.resolve(true)
      },
      drop() {
        told.push('drop')
        return Promise.resolve()
      },
    }
    return { told, begin: () => Promise.resolve<Saving | null>(saving) }
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- as the host gives it, piece by piece
  async function* pieces() {
    yield new Uint8Array(3)
    yield new Uint8Array(2)
  }

  test('writes all pieces and keeps them', async () => {
    const { told, begin } = place()
    const view = new SaveView({ read: pieces }, begin)
    expect(await view.save('id', 0, 'a')).toBe(true)
    expect(told).toEqual(['write 3', 'write 2', 'keep'])
    expect(view.state).toEqual({ type: 'idle' })
  })

  test('waits for a press where the browser asks for one', async () => {
    const { told, begin } = place(true)
    const view = new SaveView({ read: pieces }, begin)
    expect(await view.save('id', null, 'a')).toBe(false)
    expect(view.state).toMatchObject({ type: 'ready' })
    expect(told).not.toContain('keep')
    expect(await view.keep()).toBe(true)
  })

  test('leaves nothing behind when it fails, and says so', async () => {
    const { told, begin } = place()
    const view = new SaveView(
      {
        // eslint-disable-next-line @typescript-eslint/require-await -- as the host gives it, piece by piece
        async *read() {
          yield new Uint8Array(3)
          throw new Error('gone')
        },
      },
      begin,
    )
    expect(await view.save('id', 2, 'a')).toBe(false)
    expect(told).toEqual(['write 3', 'drop'])
    expect(view.state).toEqual({ type: 'failed', problem: 'other' })
  })

  test('leaves nothing behind when it is stopped, and says nothing', async () => {
    const { told, begin } = place()
    const view = new SaveView(
      {
        // eslint-disable-next-line @typescript-eslint/require-await -- as the host gives it, piece by piece
        async *read() {
          yield new Uint8Array(3)
          view.reset()
          yield new Uint8Array(2)
        },
      },
      begin,
    )
    expect(await view.save('id', 0, 'a')).toBe(false)
    expect(told.at(-1)).toBe('drop')
    expect(told).not.toContain('keep')
    expect(view.state).toEqual({ type: 'idle' })
  })

  test.each([
    ['QuotaExceededError', { type: 'failed', problem: 'no-room' }],
    ['NotAllowedError', { type: 'failed', problem: 'not-allowed' }],
    ['NetworkError', { type: 'failed', problem: 'cut-off' }],
    ['NotCompleteError', { type: 'failed', problem: 'lost' }],
    ['AbortError', { type: 'idle' }],
  ])('that ends with %s says what can be done', async (name, state) => {
    const { told, begin } = place()
    const saving = (await begin())!
    saving.write = () => Promise.reject(new DOMException('', name))
    const view = new SaveView({ read: pieces }, begin)
    expect(await view.save('id', 0, 'a')).toBe(false)
    expect(view.state).toEqual(state)
    expect(told).toEqual(['drop'])
  })

  describe('into a folder', () => {
    function folder(write: () => Promise<void> = () => Promise.resolve()) {
      const told: string[] = []
      const tell = (text: string) => Promise.resolve(void told.push(text))
      const saving: FolderSaving = {
        file: (path) =>
          Promise.resolve({
            write,
            close: () => tell(`close ${path}`),
            abort: () => tell(`abort ${path}`),
          } as unknown as FileSystemWritableFileStream),
        folder: (path) => tell(`folder ${path}`),
        drop: () => tell('drop'),
      }
      return { told, begin: () => Promise.resolve<FolderSaving | null>(saving) }
    }
    const files = [
      { path: 'a/b', mediaType: '', bytes: 3 },
      { path: 'a/later', mediaType: 'inode/directory', bytes: 0 },
      { path: 'c', mediaType: '', bytes: 3 },
    ]

    test('writes each file, and makes empty folders', async () => {
      const { told, begin } = folder()
      const read: number[] = []
      const view = new SaveView(
        {
          read(_id, file) {
            read.push(file!)
            return pieces()
          },
        },
        undefined,
        begin,
      )
      expect(await view.saveFolder('id', files)).toBe(true)
      expect(read).toEqual([0, 2])
      expect(told).toEqual(['close a/b', 'folder a/later', 'close c'])
      expect(view.state).toEqual({ type: 'idle' })
    })

    test('leaves nothing behind when it fails', async () => {
      const full = () => Promise.reject(new DOMException('', 'QuotaExceededError'))
      const { told, begin } = folder(full)
      const view = new SaveView({ read: pieces }, undefined, begin)
      expect(await view.saveFolder('id', files)).toBe(false)
      expect(told).toEqual(['abort a/b', 'drop'])
      expect(view.state).toEqual({ type: 'failed', problem: 'no-room' })
    })
  })

  test('does not begin where no place was chosen', async () => {
    const view = new SaveView({ read: pieces }, () => Promise.resolve(null))
    expect(await view.save('id', 0, 'a')).toBe(false)
    expect(view.state).toEqual({ type: 'idle' })
  })
})
