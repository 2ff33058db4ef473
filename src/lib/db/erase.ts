import { Dexie } from 'dexie'
import { EARLIER_DATABASE_NAME } from './earlier.ts'
import { DATABASE_NAME } from './schema.ts'

/** Deletes everything that was ever kept here, whatever version kept it. Nothing may have it open. */
export async function eraseDatabases(): Promise<void> {
  for (const name of [EARLIER_DATABASE_NAME, DATABASE_NAME]) await Dexie.delete(name)
}
