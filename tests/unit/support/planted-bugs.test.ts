import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { BUGS } from '../../simulation/bugs/list.ts'
import { withBug } from '../../simulation/hooks.ts'

test.each(BUGS)('a planted bug can still be planted: $name', async (bug) => {
  const source = await readFile(new URL(`../../../${bug.file}`, import.meta.url), 'utf8')
  expect(withBug(source, bug)).not.toBe(source)
})
