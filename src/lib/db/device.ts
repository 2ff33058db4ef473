import type { Clock, Random } from '../protocol/seams.ts'
import type { DeviceRow } from './schema.ts'

/**
 * A new installation of an identity. Its generation is the time, so that it is higher also where nothing is known of
 * those before, as after the recovery phrase alone; and higher than `before` whatever the clock says.
 */
export function newDevice(
  { clock, random }: { clock: Pick<Clock, 'now'>; random: Random },
  before = 0,
): DeviceRow {
  const sinceMs = clock.now()
  return {
    key: 'me',
    id: random.bytes(16),
    generation: Math.max(before + 1, sinceMs),
    sinceMs,
    replacedAtMs: null,
  }
}
