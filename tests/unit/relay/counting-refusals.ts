import type { Refusal, Refusals } from '#relay/refusals.ts'

/** Refusals in the order they were counted. */
export class CountingRefusals implements Refusals {
  readonly counted: Refusal[] = []

  count(refusal: Refusal): void {
    this.counted.push(refusal)
  }
}
