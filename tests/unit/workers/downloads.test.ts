import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { beginDownload } from '../../../src/lib/ui/save-download.ts'
import { eventually } from '../../fixtures/eventually.ts'

/** What the browser asked for and was answered. */
let answers: Response[]

/** Ends the service worker. */
let killed: PromiseWithResolvers<void>

/** A page, its service worker and the browser between them, which opens frames and nothing else. */
beforeEach(async () => {
  answers = []
  const { locks } = navigator
  killed = Promise.withResolvers()
  const its = {
    // The end of a worker lets go of its locks.
    request: (name: string, held: () => unknown) =>
      locks.request(name, () => Promise.race([held(), killed.promise])),
  }
  const scope = Object.assign(new EventTarget(), { navigator: { locks: its } })
  vi.stubGlobal('self', scope)
  vi.resetModules()
  const { announceDownloads, downloadAt } = await import('../../../src/workers/downloads.ts')
  announceDownloads()
  const active = {
    postMessage(data: unknown, ports: MessagePort[] = []) {
      scope.dispatchEvent(Object.assign(new Event('message'), { data, ports }))
    },
  }
  vi.stubGlobal('navigator', {
    locks: navigator.locks,
    serviceWorker: { getRegistration: () => Promise.resolve({ active }) },
  })
  vi.stubGlobal('document', {
    createElement: () => ({ remove: () => undefined }),
    body: {
      append({ src }: { src: string }) {
        answers.push(downloadAt(new URL(src, 'https://starling.example'))!)
        // It is one-time.
        answers.push(downloadAt(new URL(src, 'https://starling.example'))!)
      },
    },
  })
})

afterEach(() => {
  vi.unstubAllGlobals()
})

const piece = (text: string) => new TextEncoder().encode(text)

/** Begins one, and gives its bytes as the browser takes them: the first are asked for as it begins. */
async function begun(name = 'a.bin', bytes: number | null = null) {
  const beginning = beginDownload(name, bytes)
  await eventually(() => {
    expect(answers).toHaveLength(2)
  })
  const reader = answers[0]!.body!.getReader()
  const first = reader.read()
  first.catch(() => undefined)
  return { saving: (await beginning)!, reader, first }
}

describe('a download by the service worker', () => {
  test('has the bytes that are written, under its name, once', async () => {
    const { saving, reader, first } = await begun('ünï (1)\n.bin', 5)
    expect(Object.fromEntries(answers[0]!.headers)).toMatchObject({
      'content-disposition': "attachment; filename*=UTF-8''%C3%BCn%C3%AF%20%281%29%0A.bin",
      'content-length': '5',
    })
    expect(answers[1]!.status).toBe(404)
    await saving.write(piece('abc'))
    expect(await first).toMatchObject({ value: piece('abc') })
    const second = reader.read()
    await saving.write(piece('de'))
    expect(await second).toMatchObject({ value: piece('de') })
    const end = reader.read()
    expect(await saving.keep()).toBe(true)
    expect((await end).done).toBe(true)
  })

  test('takes a piece only when the browser takes it', async () => {
    const { saving, reader } = await begun()
    await saving.write(piece('a'))
    let written = false
    const waiting = saving.write(piece('b')).then(() => (written = true))
    // Everything that is under way has come by the time this has gone the same way.
    const { port1, port2 } = new MessageChannel()
    const turn = new Promise((resolve) => (port2.onmessage = resolve))
    port1.postMessage('')
    await turn
    port1.close()
    expect(written).toBe(false)
    reader.read().catch(() => undefined)
    await waiting
    await saving.drop()
  })

  test('fails when the page gives it up', async () => {
    const { saving, reader, first } = await begun()
    await saving.write(piece('a'))
    await first
    const failed = expect(reader.read()).rejects.toThrow('the page has given it up')
    await saving.drop()
    await failed
  })

  test('ends in the page when the person ends it in the browser', async () => {
    const { saving, reader } = await begun()
    await saving.write(piece('a'))
    await reader.cancel()
    await expect(saving.write(piece('b'))).rejects.toMatchObject({ name: 'AbortError' })
    await expect(saving.keep()).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('ends in the page when the service worker is gone', async () => {
    const { saving } = await begun()
    await saving.write(piece('a'))
    killed.resolve()
    await expect(saving.write(piece('b'))).rejects.toMatchObject({ name: 'NetworkError' })
  })

  test('is not begun without a service worker', async () => {
    vi.stubGlobal('navigator', {
      serviceWorker: { getRegistration: () => Promise.resolve(undefined) },
    })
    expect(await beginDownload('a', null)).toBeNull()
    vi.stubGlobal('navigator', {})
    expect(await beginDownload('a', null)).toBeNull()
  })
})
