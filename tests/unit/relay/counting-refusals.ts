import type { Refusal, Refusals } from '#relay/refusals.ts'

/** Refusals in the order they were counted. */
export class CountingRefusals implements Refusals {
  readonly counted: Refusal[] = []

  count(refusal: Refusal, times = 1): void {
    for (let time = 0; time < times; time += 1) this.counted.push(refusal)
  }
}
