/** Where the pieces of a file go, as far as the browser lets a page write. */
import { GatheredBlob } from './gathered-blob.ts'
import { beginDownload } from './save-download.ts'
import { isAbort, type Saving } from './saving.ts'

export type { Saving } from './saving.ts'

/** The part of the File System Access API that is not in the DOM's types yet. */
interface FilePicking {
  showSaveFilePicker(options: { suggestedName: string }): Promise<FileSystemFileHandle>
}

/**
 * Lets the person choose a place where the browser can do that; null when they chose none. Elsewhere it is downloaded as
 * it comes, or, where nothing else is left, gathered first. By a press of theirs.
 * @param bytes how long it will be; null where that is not known
 */
export async function beginSaving(
  name: string,
  bytes: number | null = null,
): Promise<Saving | null> {
  if ('showSaveFilePicker' in window) {
    return toChosenPlace(window as unknown as FilePicking, name)
  }
  const gathered = inMemory(name)
  // An iPhone's app has no downloads.
  return gathered.byPress ? gathered : ((await beginDownload(name, bytes)) ?? gathered)
}

async function toChosenPlace(picking: FilePicking, name: string): Promise<Saving | null> {
  try {
    const handle = await picking.showSaveFilePicker({ suggestedName: name })
    const writable = await handle.createWritable()
    return {
      byPress: false,
      write: (piece) => writable.write(piece),
      async keep() {
        await writable.close()
        return true
      },
      drop: () => writable.abort(),
    }
  } catch (error) {
    if (isAbort(error)) return null
    throw error
  }
}

/** An iPhone's share sheet saves them; elsewhere they are downloaded. */
function inMemory(name: string): Saving {
  const type = 'application/octet-stream'
  const gathered = new GatheredBlob()
  const whole = (): File => new File([gathered.whole(type)], name, { type })
  const byPress =
    'standalone' in navigator && 'canShare' in navigator && navigator.canShare({ files: [whole()] })
  return {
    byPress,
    write(piece) {
      gathered.add(piece)
      return Promise.resolve()
    },
    async keep() {
      if (!byPress) {
        download(whole())
        return true
      }
      try {
        await navigator.share({ files: [whole()] })
        return true
      } catch (error) {
        if (isAbort(error)) return false
        throw error
      }
    },
    drop() {
      gathered.clear()
      return Promise.resolve()
    },
  }
}

function download(file: File): void {
  const url = URL.createObjectURL(file)
  const link = document.createElement('a')
  link.href = url
  link.download = file.name
  link.click()
  // The browser has taken the file by the next turn of its own; a minute is for slow ones.
  setTimeout(() => {
    URL.revokeObjectURL(url)
  }, 60_000)
}
