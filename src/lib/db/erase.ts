import { deleteForGood } from './delete-for-good.ts'
import { EARLIER_DATABASE_NAME } from './earlier.ts'
import { DATABASE_NAME, PARTS_DATABASE_NAME } from './schema.ts'

/** Deletes everything that was ever kept here, whatever version kept it. Nothing may have it open. */
export function eraseDatabases(): Promise<void> {
  return deleteForGood([EARLIER_DATABASE_NAME, DATABASE_NAME, PARTS_DATABASE_NAME])
}
