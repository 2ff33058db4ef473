import { inspect } from 'node:util'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { expect, test } from 'vitest'
import { createSecrets, openIdentity, secretsFrom } from '#lib/crypto/identity.ts'
import { publicKeyOf } from '#lib/protocol/ids.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { signedBytes } from '#lib/protocol/signed.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

test('the same secrets are the same person', async () => {
  const secrets = createSecrets(systemRandom)
  const [one, two] = [await openIdentity(secrets), await openIdentity(structuredClone(secrets))]
  expect(two.peer).toBe(one.peer)
  expect(two.publicKey).toEqual(one.publicKey)
  expect(two.keyCommitment).toEqual(one.keyCommitment)
  expect(one.keyCommitment).toHaveLength(32)
})

test('everybody has keys of their own', async () => {
  const one = await openIdentity(createSecrets(systemRandom))
  const two = await openIdentity(createSecrets(systemRandom))
  expect(one.peer).not.toBe(two.peer)
  expect(one.keyCommitment).not.toEqual(two.keyCommitment)
})

test('keys made from a known seed stay the same', async () => {
  const { peer, keyCommitment } = await openIdentity(createSecrets(seededRandom(1)))
  expect(peer).toMatchInlineSnapshot(`"12D3KooWJiv9mUK3iJVBvt71tGzJ6u6VsjKbcaRmD5KfH4RzPzzc"`)
  expect(Buffer.from(keyCommitment).toString('hex')).toMatchInlineSnapshot(
    `"858fd35d6af6d6dda03b41b40638e7ce05d8f3e06c01fb04cd532ab9080a7bbf"`,
  )
})

test('keys made from two known seeds, as before there was one for both, stay the same', async () => {
  const random = seededRandom(1)
  const mlDsaSeed = random.bytes(32)
  const { peer, keyCommitment } = await openIdentity(secretsFrom(random.bytes(32), mlDsaSeed))
  expect(peer).toMatchInlineSnapshot(`"12D3KooWBeCNBjDCrkuicvBPtq9t9HGzJ2VjSqDTCTdXSgsP4viQ"`)
  expect(Buffer.from(keyCommitment).toString('hex')).toMatchInlineSnapshot(
    `"36dc96db1e6bb21d26c74a84599e9868ebcbcdb61882aa5f5806f1a45975dd58"`,
  )
})

test('a signature is for one kind of object and one person', async () => {
  const identity = await openIdentity(createSecrets(systemRandom))
  const bytes = Uint8Array.of(1, 2, 3)
  const signature = await identity.sign('kind', bytes)
  expect(signature).toHaveLength(64)
  const key = publicKeyFromRaw(publicKeyOf(identity.peer))
  expect(await key.verify(signedBytes('kind', bytes), signature)).toBe(true)
  expect(await key.verify(signedBytes('other', bytes), signature)).toBe(false)
})

test('the node is given the key of this peer', async () => {
  const identity = await openIdentity(createSecrets(systemRandom))
  expect(identity.libp2pKey().publicKey.toString()).toBe(identity.peer)
})

test('no secret shows in what a log prints or a clone copies', async () => {
  const secrets = createSecrets(systemRandom)
  const identity = await openIdentity(secrets)
  const seed = [...secrets.ed25519Seed.slice(0, 4)].join(', ')
  expect(inspect(identity, { depth: 9, showHidden: true })).not.toContain(seed)
  expect(JSON.stringify(structuredClone({ ...identity }))).not.toContain(seed.replaceAll(' ', ''))
})
