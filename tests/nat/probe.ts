/**
 * Tells what is between this machine and a STUN server of two addresses: https://www.rfc-editor.org/rfc/rfc5780#section-4
 *
 *     node tests/nat/probe.ts ADDRESS OTHER-ADDRESS
 */
import { networkInterfaces } from 'node:os'
import { type Place, StunClient } from '../support/stun.ts'
import type { Behaviour } from './kinds.ts'

const PORT = 3478

async function behaviour(address: string, otherAddress: string): Promise<Behaviour> {
  const server = { address, port: PORT }
  using client = await StunClient.open()
  const first = await client.bind(server)
  if (first === null) return 'UDP blocked'
  const { mapped, other } = first
  if (mapped === null || other?.address !== otherAddress) {
    throw new Error(`no server of two addresses: ${JSON.stringify(first)}`)
  }
  // Filtering first: from here nothing has been sent to the other address.
  const fromElsewhere = await client.bind(server, { address: true, port: true })
  const fromOtherPort = await client.bind(server, { port: true })
  for (const place of [{ address: otherAddress, port: PORT }, other]) {
    const again = (await client.bind(place))?.mapped
    if (again?.address !== mapped.address || again.port !== mapped.port) return 'symmetric'
  }
  if (isOwn(mapped)) return 'none'
  if (fromElsewhere !== null) return 'full cone'
  return fromOtherPort !== null ? 'address-restricted' : 'port-restricted'
}

function isOwn({ address }: Place): boolean {
  return Object.values(networkInterfaces()).some((all) =>
    all?.some((own) => own.address === address),
  )
}

const [address, other] = process.argv.slice(2)
if (address === undefined || other === undefined) throw new Error('two addresses are needed')
process.stdout.write(`${await behaviour(address, other)}\n`)
