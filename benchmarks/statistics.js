/** Shares of a distribution that its curve is drawn through: every percent, and finer toward the tail. */
const CURVE_SHARES = [...Array.from({ length: 99 }, (_, i) => (i + 1) / 100), 0.992, 0.994, 0.996, 0.998, 0.999, 0.9995, 0.9999, 1]
/** Of so many samples at least one has to lie beyond a share for it to be told. */
const TELLING = 1

/** The value that a share of the samples does not exceed. */
export function percentile(sorted, share) {
  return sorted[Math.max(0, Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1))]
}

/** A number to so many significant digits: what was measured has no more. */
export function significant(value, digits = 4) {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : undefined
}

/** The percentiles of samples as metrics, by their usual names; those that too few samples tell nothing about are left out. */
export function percentiles(samples, { shares = [0.5, 0.9, 0.99, 0.999], max = false } = {}) {
  const sorted = Float64Array.from(samples).sort()
  const metrics = {}
  for (const share of shares) {
    if (sorted.length * (1 - share) >= TELLING) metrics[`p${Number((share * 100).toFixed(2))}`] = significant(percentile(sorted, share))
  }
  if (max && sorted.length > 0) metrics.max = significant(sorted[sorted.length - 1])
  return metrics
}

/** A distribution as points `[share, value]`, ready to be drawn as an ECDF or by percentile. Lost samples, if any, have no value but their share. */
export function curve(samples, total = samples.length) {
  const sorted = Float64Array.from(samples).sort()
  const points = []
  for (const share of CURVE_SHARES) {
    const rank = Math.ceil(total * share)
    if (rank >= 1 && rank <= sorted.length) points.push([share, significant(sorted[rank - 1])])
  }
  return points
}

export function median(values) {
  return percentile(
    values.toSorted((a, b) => a - b),
    0.5,
  )
}
