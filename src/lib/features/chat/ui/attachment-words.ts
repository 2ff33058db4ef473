import {
  formatBytes,
  formatDate,
  formatShare,
  formatSpeed,
  formatTimeLeft,
} from '../../../i18n/format.ts'
import { m } from '../../../i18n/generated/messages.js'
import { systemClock } from '../../../protocol/seams.ts'
import type { Attachment, AttachmentLine, AttachmentProgress } from '../api.ts'

/** What stands for an attachment in a line: “Photo”, “Voice message 0:12”, or the name of the file. */
export function lineWords({ kind, name, durationMs = 0 }: AttachmentLine): string {
  if (kind === 'picture') return m.chats_photo()
  return kind === 'voice' ? m.chats_voice({ time: clockTime(durationMs) }) : name
}

/** `0:12`, `61:05` */
export function clockTime(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** How far it is, in a few words. @param name the other person's; null for my own notes */
export function progressWords(
  progress: AttachmentProgress | null,
  { bytes }: Pick<Attachment, 'bytes'>,
  name: string | null,
): string {
  const size = formatBytes(bytes)
  switch (progress?.state) {
    case 'getting':
      return [
        m.chats_file_getting({
          share: formatShare(bytes === 0 ? 0 : progress.verifiedBytes / bytes),
          size,
        }),
        ...(progress.bytesPerSecond > 0 ? [formatSpeed(progress.bytesPerSecond)] : []),
        ...(progress.msLeft === null ? [] : [formatTimeLeft(progress.msLeft)]),
      ].join(' · ')
    case 'waiting':
      return name === null ? m.chats_file_gone() : m.chats_file_waiting({ name })
    case 'paused':
      return m.chats_file_paused({ size })
    case 'failed':
      return progress.problem === 'storage-full' ? m.chats_file_no_room() : m.chats_file_damaged()
    case 'away':
    case 'here':
    case undefined:
      return size
  }
}

/**
 * How a file of mine comes to who has not got it yet; null once they have.
 *
 * @param name theirs; null for my own notes
 * @param away they are not connected: what no relay keeps then waits here, though a relay may keep the message
 */
export function onwardWords(
  progress: Pick<AttachmentProgress, 'onward'> | null,
  name: string | null,
  away: boolean,
): string | null {
  const onward = progress?.onward ?? null
  if (onward === null || name === null) return null
  switch (onward.state) {
    case 'getting':
      return [
        m.chats_file_onward_has({ name, share: formatShare(onward.share) }),
        ...(onward.msLeft === null ? [] : [formatTimeLeft(onward.msLeft)]),
      ].join(' · ')
    case 'direct':
      return away ? m.chats_file_onward_away() : m.chats_file_onward({ name })
    case 'asking':
      return m.chats_file_onward({ name })
    case 'copying':
      return m.chats_file_copying()
    case 'kept':
      return m.chats_file_kept({ date: formatDate(onward.untilMs, systemClock.now()) })
  }
}

/** What pressing it does next; null while it is here or nothing is known yet. */
export function nextWords(progress: AttachmentProgress | null, size: string): string | null {
  switch (progress?.state) {
    case 'away':
      return m.chats_file_get({ size })
    case 'getting':
    case 'waiting':
      return m.chats_file_pause()
    case 'paused':
      return m.chats_file_resume()
    case 'failed':
      return m.chats_retry()
    case 'here':
    case undefined:
      return null
  }
}
