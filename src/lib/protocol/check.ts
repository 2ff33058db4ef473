import * as v from 'valibot'
import { InvalidDataError } from './errors.ts'

/** `value` as the schema has it. @throws InvalidDataError */
export function check<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const result = v.safeParse(schema, value, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  throw new InvalidDataError(`${v.getDotPath(issue) ?? 'value'}: ${issue.message}`)
}
