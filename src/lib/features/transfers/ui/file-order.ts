import type { TransferFile } from '../api.ts'

/** The numbers of these files, as people order their paths: `2.jpg` comes before `10.jpg`. */
export function naturalOrder(
  files: readonly Pick<TransferFile, 'path'>[],
  language: string,
): number[] {
  const { compare } = new Intl.Collator(language, { numeric: true })
  return [...files.keys()].sort((a, b) => compare(files[a]!.path, files[b]!.path))
}
