/**
 * A text as it is searched: letters of any case are the same, also Cyrillic ones, and marks on letters are left
 * out, so that ё is found by е and ë by e. Only й stays what it is: it is no и.
 */
export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/(?<!и)\p{M}/gu, '')
}
