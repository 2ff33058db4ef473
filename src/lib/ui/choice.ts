/** What was chosen, and is shown before it is so. */
export interface Asked<Value> {
  value: Value
  /** What was so when it was asked for. */
  before: Value
  /** It was said that it becomes so. */
  kept: boolean
}

/** Whether it is so, or was and something else is by now, such as what another tab chose: then that is shown. */
export function isOver<Value>({ value, before, kept }: Asked<Value>, now: Value): boolean {
  return now === value || (kept && now !== before)
}
