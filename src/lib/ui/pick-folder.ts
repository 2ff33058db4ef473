import { isAbort } from './saving.ts'

/** The part of the File System Access API that is not in the DOM's types yet. */
interface FolderPicking {
  showDirectoryPicker(options: { mode: 'read' | 'readwrite' }): Promise<FileSystemDirectoryHandle>
}

/** Whether the browser lets a page into folders. */
export function canPickFolders(): boolean {
  return 'showDirectoryPicker' in window
}

/** Lets the person choose a folder; null when they chose none. By a press of theirs. */
export async function pickFolder(
  mode: 'read' | 'readwrite',
): Promise<FileSystemDirectoryHandle | null> {
  try {
    return await (window as unknown as FolderPicking).showDirectoryPicker({ mode })
  } catch (error) {
    if (isAbort(error)) return null
    throw error
  }
}
