/** Whether something grows, told from samples that jump about. */

export interface Trend {
  /** Median of the first and of the last quarter of the samples. */
  first: number
  last: number
  /** What the whole time adds by the median slope, never less than 0. */
  growth: number
}

/**
 * The trend by Theil and Sen: the median of the slopes between all pairs, so that single spikes, such as a
 * collection that has not run, count for nothing.
 * @param samples at even distances, at least 4
 */
export function trend(samples: readonly number[]): Trend {
  if (samples.length < 4) throw new RangeError('a trend needs at least 4 samples')
  const slopes = samples.flatMap((earlier, from) =>
    samples.slice(from + 1).map((later, distance) => (later - earlier) / (distance + 1)),
  )
  const quarter = Math.max(1, Math.floor(samples.length / 4))
  return {
    first: median(samples.slice(0, quarter)),
    last: median(samples.slice(-quarter)),
    growth: Math.max(0, median(slopes) * (samples.length - 1)),
  }
}

/** @param values at least one */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which `share` (0 to 1) of the values lie, between neighbours in proportion. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)]
  const above = sorted[Math.ceil(place)]
  if (below === undefined || above === undefined) throw new RangeError('no values')
  return below + (above - below) * (place - Math.floor(place))
}
