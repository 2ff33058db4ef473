import { endOfEpoch, signerWith } from '../../crypto/mailbox-keys.ts'
import { passes, type Grant } from '../../protocol/mailbox.ts'
import type { Signer } from '../../protocol/signed.ts'

/** Lets whoever has this secret put into a mailbox of mine until its epoch ends. @param name 16 bytes, for the owner alone */
export async function grant(
  owner: Signer,
  epoch: number,
  name: Uint8Array,
  secret: Uint8Array<ArrayBuffer>,
): Promise<Grant> {
  const { publicKey } = signerWith(secret)
  const expiry = Math.floor(endOfEpoch(epoch) / 1000)
  return [await passes.seal([owner.publicKey, name, publicKey, expiry], owner), secret]
}
