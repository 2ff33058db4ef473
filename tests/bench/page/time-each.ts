/** Calls timed together: browsers tell the time in steps of 0.1 ms, a good part of a single round trip. */
const TOGETHER = 10

/** Milliseconds each call took, one after the other, as means of some at a time. @param calls a multiple of `together` */
export async function timeEach(
  calls: number,
  once: () => Promise<void>,
  together = TOGETHER,
): Promise<number[]> {
  const times: number[] = []
  for (let done = 0; done < calls; done += together) {
    const startMs = performance.now()
    for (let call = 0; call < together; call++) await once()
    times.push((performance.now() - startMs) / together)
  }
  return times
}
