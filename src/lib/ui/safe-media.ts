/**
 * What may be shown inside the page: raster pictures, sound and film, which the browser decodes without ever running
 * anything, and text, which is shown as the signs it is made of. All else, SVG, HTML and PDF among it, is only saved.
 */

export type SafeKind = 'picture' | 'sound' | 'film' | 'text'

const KINDS: Record<string, SafeKind> = {
  'image/avif': 'picture',
  'image/bmp': 'picture',
  'image/gif': 'picture',
  'image/jpeg': 'picture',
  'image/png': 'picture',
  'image/webp': 'picture',
  'audio/aac': 'sound',
  'audio/flac': 'sound',
  'audio/mp4': 'sound',
  'audio/mpeg': 'sound',
  'audio/ogg': 'sound',
  'audio/wav': 'sound',
  'audio/webm': 'sound',
  'video/mp4': 'film',
  'video/ogg': 'film',
  'video/webm': 'film',
  'application/json': 'text',
  'text/csv': 'text',
  'text/markdown': 'text',
  'text/plain': 'text',
}

/** Larger than this nothing is held in memory to be shown, in bytes. */
export const MAX_SHOWN_BYTES = 200_000_000

/** Of a text so much is shown, from its beginning, in bytes. */
export const MAX_SHOWN_TEXT_BYTES = 256 * 1024

/** How a file is shown; null when it is only saved. */
export function safeKind(mediaType: string, bytes: number): SafeKind | null {
  const type = plainType(mediaType)
  const kind = Object.hasOwn(KINDS, type) ? KINDS[type]! : null
  return bytes <= MAX_SHOWN_BYTES || kind === 'text' ? kind : null
}

/** The type without its parameters: `audio/webm` of `audio/webm;codecs=opus`. */
export function plainType(mediaType: string): string {
  return mediaType.split(';', 1)[0]!.trim().toLowerCase()
}

/** The type of a small picture by how it begins; null when it is neither WebP nor JPEG. */
export function thumbnailType(bytes: Uint8Array): 'image/webp' | 'image/jpeg' | null {
  const begins = (at: number, ...signs: number[]) =>
    signs.every((sign, i) => bytes[at + i] === sign)
  if (begins(0, 0xff, 0xd8, 0xff)) return 'image/jpeg'
  // "RIFF", a length, "WEBP"
  const riff = begins(0, 0x52, 0x49, 0x46, 0x46) && begins(8, 0x57, 0x45, 0x42, 0x50)
  return riff ? 'image/webp' : null
}
