import { FOLDER_TYPE } from '../api.ts'

/** What a file holds, as far as an icon tells. */
export type FileKind = 'folder' | 'image' | 'video' | 'sound' | 'archive' | 'text' | 'other'

const ENDINGS: Record<string, FileKind> = {
  ...endings('image', 'avif bmp gif heic heif jpeg jpg png svg tif tiff webp'),
  ...endings('video', 'avi m4v mkv mov mp4 mpeg mpg webm'),
  ...endings('sound', 'aac flac m4a mid mp3 oga ogg opus wav wma'),
  ...endings('archive', '7z bz2 gz rar tar tgz xz zip zst'),
  ...endings('text', 'csv doc docx epub md odt pdf rtf txt'),
}

/** By what its maker says it is, or by how its name ends. */
export function fileKind(name: string, mediaType = ''): FileKind {
  if (mediaType === FOLDER_TYPE) return 'folder'
  if (mediaType.startsWith('image/')) return 'image'
  if (mediaType.startsWith('video/')) return 'video'
  if (mediaType.startsWith('audio/')) return 'sound'
  if (mediaType.startsWith('text/')) return 'text'
  const ending = /\.([^./]+)$/u.exec(name)?.[1]?.toLowerCase() ?? ''
  return Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending]! : 'other'
}

function endings(kind: FileKind, all: string): Record<string, FileKind> {
  return Object.fromEntries(all.split(' ').map((ending) => [ending, kind]))
}
