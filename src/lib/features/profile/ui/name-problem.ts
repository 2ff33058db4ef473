import { m } from '../../../i18n/generated/messages.js'
import { cleanName, isValidName } from '../../../protocol/names.ts'

/** What is wrong with a name a person typed, in words; undefined when nothing is. */
export function nameProblem(text: string): string | undefined {
  const name = cleanName(text)
  if (name === '') return m.welcome_name_empty()
  return isValidName(name) ? undefined : m.welcome_name_long()
}
