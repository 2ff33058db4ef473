import { NothingShownError } from './errors.ts'

/** What a watch shows first: the state of now. @throws NothingShownError when it ends before */
export async function first<T>(watch: AsyncIterable<T>): Promise<T> {
  for await (const state of watch) return state
  throw new NothingShownError('the watch has ended')
}
