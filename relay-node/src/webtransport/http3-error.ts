import { StarlingError } from '#lib/protocol/errors.ts'

/** https://www.rfc-editor.org/rfc/rfc9114#section-8.1 and https://www.rfc-editor.org/rfc/rfc9204#section-6 */
export const HTTP3 = {
  noError: 0x100,
  streamCreation: 0x103,
  closedCriticalStream: 0x104,
  frameUnexpected: 0x105,
  frameError: 0x106,
  excessiveLoad: 0x107,
  settingsError: 0x109,
  missingSettings: 0x10a,
  requestRejected: 0x10b,
  messageError: 0x10e,
  qpackDecompressionFailed: 0x200,
} as const

/** What a peer says is not HTTP/3 as agreed; the connection ends with this code. */
export class Http3Error extends StarlingError {
  override readonly name = 'Http3Error'
  readonly code: number

  constructor(message: string, code: number) {
    super(message)
    this.code = code
  }
}
