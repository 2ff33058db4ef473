// @peculiar/x509 needs its decorators' metadata before it is loaded.
import 'reflect-metadata'
import { hostname } from 'node:os'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { type Datastore, Key } from 'interface-datastore'
import type { Clock } from '#lib/protocol/seams.ts'
import { lanAddresses } from './greeting.ts'

const CERTIFICATE = new Key('/starling/https/certificate')
const PRIVATE_KEY = new Key('/starling/https/key')

/** Phones accept no certificate of more than 825 days (https://support.apple.com/en-us/103769). */
const LIFE_MS = 800 * 24 * 60 * 60_000

/** Made anew when less than this is left. */
const RENEW_BEFORE_MS = 30 * 24 * 60 * 60_000

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** A certificate and its key, both PEM. */
export interface HttpsCertificate {
  cert: string
  key: string
}

/**
 * A certificate this machine vouches for itself, for phones on the same network. Kept, so that a phone that
 * accepted it once goes on; made anew when it ends or the machine has an address it does not name.
 */
export async function httpsCertificate(components: {
  datastore: Datastore
  clock: Pick<Clock, 'now'>
}): Promise<HttpsCertificate> {
  const { datastore, clock } = components
  const addresses = ['127.0.0.1', '::1', ...lanAddresses()]
  if ((await datastore.has(CERTIFICATE)) && (await datastore.has(PRIVATE_KEY))) {
    const kept = {
      cert: new TextDecoder().decode(await datastore.get(CERTIFICATE)),
      key: new TextDecoder().decode(await datastore.get(PRIVATE_KEY)),
    }
    if (isUsable(kept.cert, addresses, clock.now())) return kept
  }
  const made = await makeCertificate(addresses, clock.now())
  await datastore.put(CERTIFICATE, new TextEncoder().encode(made.cert))
  await datastore.put(PRIVATE_KEY, new TextEncoder().encode(made.key))
  return made
}

function isUsable(pem: string, addresses: string[], nowMs: number): boolean {
  const certificate = new X509Certificate(pem)
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.toJSON() ?? []
  const named = new Set(names.map(({ value }) => value))
  return (
    certificate.notAfter.getTime() - nowMs > RENEW_BEFORE_MS &&
    addresses.every((address) => named.has(address))
  )
}

async function makeCertificate(addresses: string[], nowMs: number): Promise<HttpsCertificate> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=Starling on ${hostname()}`,
      notBefore: new Date(nowMs - 60_000),
      notAfter: new Date(nowMs + LIFE_MS),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        new SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'dns', value: hostname() },
          ...addresses.map((value) => ({ type: 'ip' as const, value })),
        ]),
      ],
    },
    crypto,
  )
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { cert: certificate.toString('pem'), key: PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}
