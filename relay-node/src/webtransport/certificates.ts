// @peculiar/x509 needs its decorators' metadata before it is loaded.
import 'reflect-metadata'
import { createHash } from 'node:crypto'
import { PemConverter, X509Certificate, X509CertificateGenerator } from '@peculiar/x509'
import { type Datastore, Key } from 'interface-datastore'
import { base64url } from 'multiformats/bases/base64'
import { create } from 'multiformats/hashes/digest'
import * as v from 'valibot'
import type { Clock, Startable } from '#lib/protocol/seams.ts'
import { WEBTRANSPORT_CERTIFICATE_LIFE_MS, WEBTRANSPORT_CERTIFICATE_SHOWN_MS } from '../limits.ts'

const ROW = new Key('/starling/webtransport/certificates')

/** Browsers take no other: https://www.w3.org/TR/webtransport/#web-transport-configuration */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** How far the clock of a browser may be behind, ms. */
const EARLIER_MS = 60 * 60_000

/** How often the time is looked at: a machine that slept would wait for too long otherwise. */
export const LOOK_MS = 60 * 60_000

/** https://github.com/multiformats/multicodec/blob/master/table.csv */
const SHA2_256 = 0x12

/** A certificate and its key, both PEM. */
export interface Certificate {
  cert: string
  key: string
}

const rowSchema = v.strictTuple([
  v.strictObject({ cert: v.string(), key: v.string() }),
  v.strictObject({ cert: v.string(), key: v.string() }),
])

export interface CertificatesComponents {
  datastore: Datastore
  clock: Clock
}

/**
 * The certificate that is shown, and the next one. Browsers know them by their hashes, which are announced: both, so that an
 * address that was learned holds until the next but one is shown. Kept, so that it also holds over a restart.
 */
export class Certificates implements Startable {
  readonly #components: CertificatesComponents
  readonly #onChange = new Set<() => void>()
  #both: [current: Certificate, next: Certificate] | null = null
  #cancel: (() => void) | null = null

  constructor(components: CertificatesComponents) {
    this.#components = components
  }

  async start(): Promise<void> {
    this.#both = await this.#kept()
    await this.#look()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  /** What is shown now. */
  get current(): Certificate {
    return this.#pair[0]
  }

  /** Multihashes of the current one and the next. */
  hashes(): Uint8Array[] {
    return this.#pair.map(({ cert }) => {
      const der = new Uint8Array(new X509Certificate(cert).rawData)
      return create(SHA2_256, createHash('sha256').update(der).digest()).bytes
    })
  }

  /** What stands for them in an address: `/certhash/…/certhash/…`. */
  suffix(): string {
    return this.hashes()
      .map((hash) => `/certhash/${base64url.encode(hash)}`)
      .join('')
  }

  /** Calls whenever another one is shown, until the returned function is called. */
  onChange(call: () => void): () => void {
    this.#onChange.add(call)
    return () => this.#onChange.delete(call)
  }

  get #pair(): [current: Certificate, next: Certificate] {
    if (this.#both === null) throw new TypeError('not started')
    return this.#both
  }

  async #look(): Promise<void> {
    const { clock, datastore } = this.#components
    const now = clock.now()
    const renewed = await renew(this.#both, now)
    if (renewed !== null) {
      await datastore.put(ROW, new TextEncoder().encode(JSON.stringify(renewed)))
      this.#both = renewed
      for (const call of this.#onChange) call()
    }
    this.#cancel = clock.after(LOOK_MS, () => {
      if (this.#cancel !== null) void this.#look()
    })
  }

  /** Null when there are none, or not any that can be read: others are made. */
  async #kept(): Promise<[Certificate, Certificate] | null> {
    const { datastore } = this.#components
    if (!(await datastore.has(ROW))) return null
    try {
      const row: unknown = JSON.parse(new TextDecoder().decode(await datastore.get(ROW)))
      const both = v.parse(rowSchema, row)
      for (const { cert } of both) new X509Certificate(cert)
      return both
    } catch {
      return null
    }
  }
}

/** Those from now on; null when they are still the same. */
async function renew(
  both: [Certificate, Certificate] | null,
  nowMs: number,
): Promise<[Certificate, Certificate] | null> {
  const madeAtMs = both === null ? null : madeAt(both[1])
  const ageMs = madeAtMs === null ? Infinity : nowMs - madeAtMs
  // A clock that was wrong when they were made.
  if (ageMs < -EARLIER_MS || ageMs >= 2 * WEBTRANSPORT_CERTIFICATE_SHOWN_MS) {
    return [await make(nowMs), await make(nowMs)]
  }
  if (ageMs < WEBTRANSPORT_CERTIFICATE_SHOWN_MS) return null
  return [both![1], await make(nowMs)]
}

function madeAt({ cert }: Certificate): number {
  return new X509Certificate(cert).notBefore.getTime() + EARLIER_MS
}

async function make(nowMs: number): Promise<Certificate> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const notBefore = nowMs - EARLIER_MS
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=libp2p',
      notBefore: new Date(notBefore),
      notAfter: new Date(notBefore + WEBTRANSPORT_CERTIFICATE_LIFE_MS),
      keys,
      signingAlgorithm: ALGORITHM,
    },
    crypto,
  )
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { cert: certificate.toString('pem'), key: PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}
