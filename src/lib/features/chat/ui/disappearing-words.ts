import { m } from '../../../i18n/generated/messages.js'
import { DISAPPEAR_AFTER_MS, type Disappearing, type DisappearingChange } from '../api.ts'

/** The times to choose from, off first. */
export const DISAPPEARING_CHOICES: readonly Disappearing[] = [0, ...DISAPPEAR_AFTER_MS]

/** How long texts last, such as “1 week”, or “Off”. */
export function disappearingWords(afterMs: Disappearing): string {
  switch (afterMs) {
    case 0:
      return m.chats_disappearing_off()
    case 3_600_000:
      return m.chats_disappearing_hour()
    case 86_400_000:
      return m.chats_disappearing_day()
    case 604_800_000:
      return m.chats_disappearing_week()
    case 2_419_200_000:
      return m.chats_disappearing_weeks()
  }
}

/** What the timeline says where it changed. */
export function disappearingLine({ mine, afterMs }: DisappearingChange, name: string): string {
  const time = disappearingWords(afterMs)
  if (afterMs === 0)
    return mine ? m.chats_disappearing_mine_off() : m.chats_disappearing_theirs_off({ name })
  return mine ? m.chats_disappearing_mine({ time }) : m.chats_disappearing_theirs({ name, time })
}
