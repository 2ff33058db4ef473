import { makeZip } from 'client-zip'
import type { OpenedContent } from '../../content/opened-content.ts'

/** All files in one ZIP archive, none of them compressed (PKWARE APPNOTE 6.3.10, with ZIP64 where it is needed). */
export async function* zipOf(content: OpenedContent): AsyncIterable<Uint8Array<ArrayBuffer>> {
  const { files, createdAtMs } = content.about
  const entries = files.map(({ path, bytes }, index) => ({
    name: path,
    size: bytes,
    lastModified: new Date(createdAtMs),
    input: content.read(index),
  }))
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
