import { readdir, readFile } from 'node:fs/promises'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { changedTree, treeOf } from '../../fuzz/cbor.ts'
import { Dice } from '../../fuzz/dice.ts'
import { allTargets } from '../../fuzz/targets.ts'

/** Where what comes from outside is read. */
const ROOMS = ['src/lib', 'relay-node/src', 'peer-node/src']

/** `const name = codec(` and `const name = signed(`, and functions that read by their name. */
const DECODERS =
  /(?:const (\w+) = (?:codec|signed)[<(])|(?:export (?:async )?function\*? ((?:decode|open|parse|read|unpad)[A-Z]?\w*))/g

/** What reads only what this process, its owner or the disk below it has written, or is no decoder. */
const OWN = [
  'src/lib/protocol/signed.ts#body',
  'src/lib/protocol/signed.ts#envelope',
  'src/lib/crypto/database-key.ts#openOnDevice',
  'src/lib/crypto/database-key.ts#openWithPassphrase',
  'src/lib/crypto/identity.ts#openIdentity',
  'src/lib/crypto/key-seal.ts#openKey',
  'src/lib/features/notifications/ui/permission.svelte.ts#readPermission',
  'relay-node/src/config.ts#readConfig',
  'relay-node/src/copies/copy-rows.ts#rowCodec',
  'relay-node/src/mailbox/level-store.ts#boxCodec',
  'relay-node/src/mailbox/level-store.ts#entryCodec',
  'relay-node/src/mailbox/level-store.ts#numberCodec',
  'relay-node/src/mailbox/level-store.ts#prekeysCodec',
  'relay-node/src/mailbox/level-store.ts#wakeCodec',
  'relay-node/src/mailbox/open-store.ts#openMailboxStore',
  'relay-node/src/mailbox/push.ts#keysCodec',
  'relay-node/src/store/level-disk.ts#openDataFolder',
  'peer-node/src/config.ts#readConfig',
]

async function decoders(): Promise<string[]> {
  const files = (await Promise.all(ROOMS.map(filesUnder))).flat()
  const found = await Promise.all(
    files.map(async (file) =>
      [...(await readFile(file, 'utf8')).matchAll(DECODERS)].map(
        ([, codec, reader]) => `${file}#${codec ?? reader}`,
      ),
    ),
  )
  return found.flat()
}

async function filesUnder(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  return names
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => `${folder}/${name}`)
}

test('every decoder is given hostile inputs', async () => {
  const reached = (await allTargets()).flatMap((target) => target.decoders)
  expect([...new Set([...reached, ...OWN])].sort()).toEqual((await decoders()).sort())
})

test('the same seed makes the same inputs, another seed others', async () => {
  const made = async (seed: number): Promise<string[]> =>
    Promise.all(
      (await allTargets()).map(async ({ name, make }) =>
        inspect(await make(new Dice(seed, name, 7)), { maxArrayLength: null }),
      ),
    )
  const first = await made(1)
  expect(await made(1)).toEqual(first)
  expect(await made(2)).not.toEqual(first)
})

test('a tree comes out as it went in but for what is changed', () => {
  const bytes = Buffer.from('a26161820118ff62626243010203', 'hex')
  const tree = treeOf(bytes)!
  const made = new Set<string>()
  for (let input = 0; input < 2_000; input += 1) {
    made.add(Buffer.from(changedTree(new Dice(1, 'tree', input), tree, [tree])).toString('hex'))
  }
  expect(made.size).toBeGreaterThan(1_000)
  expect(tree.size).toBe(7)
})
