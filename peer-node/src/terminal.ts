import encodeQR from 'qr'
import { cleanPath } from '#lib/content/paths.ts'
import type { TransferId } from '#lib/features/transfers/api.ts'
import type { Event, TransferEvent } from './protocol.ts'

/** Shows a person at a terminal what is shared and got, beside the lines that programs read. */
export class Terminal {
  readonly #write: (text: string) => void
  /** What was asked for in this run and has shown no link yet. */
  readonly #asked = new Set<TransferId>()

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  show(event: Event): void {
    if (event.type === 'done' && event.transfer !== undefined) this.#asked.add(event.transfer)
    if (event.type === 'transfer') this.#showTransfer(event)
    if (event.type === 'saved') this.#write(`${event.files} saved in ${event.into}\n`)
    if (event.type === 'error') this.#write(`${event.message}\n`)
  }

  #showTransfer(event: TransferEvent): void {
    const { transfer, state, problem, link } = event
    // A stranger may have named it, and a terminal obeys what it is shown.
    const name = event.name === null ? '…' : cleanPath(event.name)
    this.#write(`${name}: ${problem ?? state}${progressOf(event)}\n`)
    if (state !== 'shared' || link === null || !this.#asked.delete(transfer)) return
    this.#write(`${encodeQR(link, 'term')}\n${link}\n`)
  }
}

/** `, 40 % of 3.0 MB, 1.2 MB/s from 2` */
function progressOf({
  state,
  bytes,
  verifiedBytes,
  bytesPerSecond,
  sources,
}: TransferEvent): string {
  if (bytes === null || (state !== 'getting' && state !== 'reading')) return ''
  const share = bytes === 0 ? 100 : Math.floor((100 * verifiedBytes) / bytes)
  const speed = state === 'getting' ? `, ${megabytes(bytesPerSecond.down)}/s from ${sources}` : ''
  return `, ${share} % of ${megabytes(bytes)}${speed}`
}

const megabytes = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`
