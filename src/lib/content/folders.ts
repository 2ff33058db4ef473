/**
 * A content is a list of files, and folders are in their paths. A folder without anything in it stands in the list itself:
 * as an entry of this media type (shared-mime-info has it) without bytes, so that who knows of no folders reads an empty file.
 */
export const FOLDER_TYPE = 'inode/directory'

/** Whether an entry is an empty folder. */
export function isFolder({ mediaType, bytes }: { mediaType: string; bytes: number }): boolean {
  return mediaType === FOLDER_TYPE && bytes === 0
}
