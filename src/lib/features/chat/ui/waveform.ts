import { WAVEFORM_BARS } from '../api.ts'

/** As many bars as there is room for, a byte each, of loudnesses from 0 to 1: the loudest of each stretch. */
export function waveformOf(levels: readonly number[]): Uint8Array {
  const bars = Math.min(WAVEFORM_BARS, levels.length)
  const most = levels.reduce((loudest, each) => Math.max(loudest, each), 0.05)
  return Uint8Array.from({ length: bars }, (_, bar) => {
    const from = Math.floor((bar * levels.length) / bars)
    const to = Math.floor(((bar + 1) * levels.length) / bars)
    const peak = levels.slice(from, to).reduce((loudest, each) => Math.max(loudest, each), 0)
    return Math.min(255, Math.round((peak / most) * 255))
  })
}
