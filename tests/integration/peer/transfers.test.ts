import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PeerProcess } from '../../support/peer.ts'
import { Relay } from '../../support/relay.ts'

let disk: string

beforeEach(async () => {
  disk = await mkdtemp(join(tmpdir(), 'starling-files-'))
})

afterEach(async () => {
  await rm(disk, { recursive: true })
})

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A folder of this disk with some files in it. */
async function holiday(): Promise<string> {
  const folder = join(disk, 'holiday')
  await mkdir(join(folder, 'day 1'), { recursive: true })
  await writeFile(join(folder, 'day 1/beach.jpg'), randomBytes(3_000_000))
  await writeFile(join(folder, 'notes.txt'), 'warm')
  await writeFile(join(folder, 'empty'), '')
  await mkdir(join(folder, 'day 2'))
  return folder
}

async function shared(peer: PeerProcess, ...paths: string[]): Promise<string> {
  const { transfer } = (await peer.ask({ type: 'share', paths })) as { transfer?: string }
  const told = (event: { transfer: string; state: string }): boolean =>
    event.transfer === transfer && event.state === 'shared'
  return (await peer.event('transfer', told)).link!
}

describe('peers without a browser', () => {
  test('share a folder and write it whole, and whoever got it gives it on', async () => {
    await using relay = await Relay.start('--no-app')
    await using anna = await PeerProcess.start(relay, 'Anna')
    await using ben = await PeerProcess.start(relay, 'Ben')
    const folder = await holiday()
    const link = await shared(anna, folder)
    const into = join(disk, 'ben')
    await ben.ask({ type: 'get', link, into })
    expect(await ben.event('saved')).toMatchObject({ into, files: 3 })
    const names = await readdir(folder, { recursive: true })
    expect((await readdir(join(into, 'holiday'), { recursive: true })).sort()).toEqual(names.sort())
    const beach = join('holiday', 'day 1', 'beach.jpg')
    const expected = sha256(await readFile(join(disk, beach)))
    expect(sha256(await readFile(join(into, beach)))).toBe(expected)

    // What is there stays, and it is said.
    await writeFile(join(into, 'holiday/notes.txt'), 'mine')
    const { transfer } = (await ben.ask({ type: 'get', link, into })) as { transfer?: string }
    expect(await ben.event('error')).toMatchObject({ transfer, name: 'AlreadyThereError' })
    expect(await readFile(join(into, 'holiday/notes.txt'), 'utf8')).toBe('mine')

    const { link: passedOn } = await ben.event('transfer', ({ state }) => state === 'complete')
    await anna.kill()
    // From the command line, with nobody else who has it.
    const last = join(disk, 'vera')
    await using vera = await PeerProcess.start(relay, 'Vera', '--get', passedOn!, '--into', last)
    await vera.event('saved')
    expect(sha256(await readFile(join(last, beach)))).toBe(expected)
  })

  test('go on where they were when they are killed', async () => {
    await using relay = await Relay.start('--no-app')
    await using anna = await PeerProcess.start(relay, 'Anna')
    await using ben = await PeerProcess.start(relay, 'Ben')
    const path = join(disk, 'songs.bin')
    await writeFile(path, randomBytes(40_000_000))
    const link = await shared(anna, path)
    await ben.ask({ type: 'get', link })
    const { verifiedBytes } = await ben.event('transfer', (event) => event.verifiedBytes > 0)
    await ben.kill()
    await ben.up()
    // How much it is may not have been remembered when it was killed: then the parts tell it.
    const goingOn = await ben.event('transfer', ({ bytes }) => bytes !== null)
    expect(goingOn.verifiedBytes).toBeGreaterThanOrEqual(verifiedBytes)
    const into = join(disk, 'ben')
    await ben.ask({ type: 'get', link, into })
    await ben.event('saved')
    expect(sha256(await readFile(join(into, 'songs.bin')))).toBe(sha256(await readFile(path)))
  })

  test('list, take back and take out what is shared, and say what goes wrong', async () => {
    await using relay = await Relay.start('--no-app')
    await using anna = await PeerProcess.start(relay, 'Anna')
    await using ben = await PeerProcess.start(relay, 'Ben')
    const path = join(disk, 'a.txt')
    await writeFile(path, 'a')
    expect(await anna.ask({ type: 'share', paths: [join(disk, 'none')] })).toMatchObject({
      name: 'UnreadablePathError',
    })
    expect(await ben.ask({ type: 'get', link: 'https://example.org' })).toMatchObject({
      name: 'MalformedLinkError',
    })
    const link = await shared(anna, path)
    const { transfer } = anna.events('transfer')[0]!
    await anna.ask({ type: 'revoke', transfer })
    await ben.ask({ type: 'get', link, into: disk })
    await ben.event('transfer', ({ problem }) => problem === 'revoked')

    const before = anna.events('transfer').length
    await anna.ask({ type: 'transfers' })
    // What changes meanwhile is told as well.
    const told = anna.events('transfer').slice(before)
    expect(told.at(-1)).toMatchObject({ transfer, state: 'ended' })
    await anna.ask({ type: 'remove', transfer })
    const after = anna.events('transfer').length
    await anna.ask({ type: 'transfers' })
    expect(anna.events('transfer').slice(after)).toEqual([])
    expect(await readFile(path, 'utf8')).toBe('a')
  })
})
