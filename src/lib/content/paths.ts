/**
 * Where a file lies in what was shared: names with `/` between them. They come from strangers and end in the names of
 * files, so nothing is taken that leads anywhere else or that some system cannot keep.
 */

/** Longest path in UTF-8 bytes. */
export const MAX_PATH_BYTES = 1_024

/** Longest name in it, in UTF-8 bytes: what ext4, APFS and NTFS take. */
export const MAX_FILE_NAME_BYTES = 255

/** Folders in each other. */
const MAX_DEPTH = 32

/** Control characters, what stands between names, what Windows forbids, halves of surrogate pairs, and what turns the direction of text around. */
const UNUSABLE = /[\p{Cc}\p{Cs}<>:"/\\|?*\u200E\u200F\u202A-\u202E\u2066-\u2069]/u

/** Names of devices on Windows, with an ending or without. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i

/** Whether a file may lie there. */
export function isPath(text: string): boolean {
  const names = text.split('/')
  return names.length <= MAX_DEPTH && utf8Bytes(text) <= MAX_PATH_BYTES && names.every(isFileName)
}

/** The nearest path that can be kept: what cannot stand in a name is replaced by `_`. May lead to the same as another. */
export function cleanPath(text: string): string {
  const names = text
    .split('/')
    .filter((name) => name !== '' && name !== '.' && name !== '..')
    .slice(-MAX_DEPTH)
    .map(cleanName)
  while (names.length > 1 && utf8Bytes(names.join('/')) > MAX_PATH_BYTES) names.shift()
  return names.length === 0 ? '_' : names.join('/')
}

/** Whether a file may be called so. */
export function isFileName(name: string): boolean {
  return (
    name !== '' &&
    name === name.normalize('NFC') &&
    utf8Bytes(name) <= MAX_FILE_NAME_BYTES &&
    !UNUSABLE.test(name) &&
    !DEVICE.test(name) &&
    !/^\s|[\s.]$/u.test(name)
  )
}

function cleanName(name: string): string {
  const usable = name
    .toWellFormed()
    .normalize('NFC')
    .replace(new RegExp(UNUSABLE, 'gu'), '_')
    .trimStart()
  const short = shorten(withoutTail(DEVICE.test(usable) ? `_${usable}` : usable))
  return isFileName(short) ? short : '_'
}

/** Cut in front of its ending, between characters. */
function shorten(name: string): string {
  if (utf8Bytes(name) <= MAX_FILE_NAME_BYTES) return name
  const dot = name.lastIndexOf('.')
  const ending = dot > 0 && utf8Bytes(name.slice(dot)) <= 32 ? name.slice(dot) : ''
  let stem = ''
  for (const character of name.slice(0, name.length - ending.length)) {
    if (utf8Bytes(stem + character + ending) > MAX_FILE_NAME_BYTES) break
    stem += character
  }
  return withoutTail(stem) + ending
}

/** Without the blanks and dots at the end, which Windows drops. A regular expression would look from each blank anew. */
function withoutTail(name: string): string {
  let end = name.length
  while (end > 0 && /[\s.]/u.test(name[end - 1]!)) end -= 1
  return name.slice(0, end)
}

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).byteLength
}
