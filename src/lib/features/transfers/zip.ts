import { makeZip } from 'client-zip'
import { isFolder } from '../../content/folders.ts'
import type { OpenedContent } from '../../content/opened-content.ts'

/** All files and empty folders in one ZIP archive, none of them compressed (PKWARE APPNOTE 6.3.10, with ZIP64 where it is needed). */
export async function* zipOf(content: OpenedContent): AsyncIterable<Uint8Array<ArrayBuffer>> {
  const { files, createdAtMs } = content.about
  const lastModified = new Date(createdAtMs)
  const entries = files.map((file, index) =>
    isFolder(file)
      ? { name: `${file.path}/`, lastModified }
      : { name: file.path, size: file.bytes, lastModified, input: content.read(index) },
  )
  const reader = makeZip(entries).getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield Uint8Array.from(value)
    }
  } finally {
    await reader.cancel()
  }
}
