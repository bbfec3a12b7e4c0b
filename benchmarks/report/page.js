// Runs in the report's page, with uPlot before it: draws CHARTS.

const HEIGHT = 420
/** One colour for each library in all charts; bare UDP is black, this SDK the strongest. */
const COLOURS = {
  udp: '#111111',
  altostratus: '#0b63ce',
  ws: '#d1495b',
  colyseus: '#8d3fa8',
  werift: '#c77d0a',
  'node-datachannel': '#2a8f55',
  'roamhq-wrtc': '#0d8f9c',
  geckos: '#8a8f2a',
  enet: '#8b6b4e',
}
const OTHER = '#777777'
/** Of one library's lines, each after the first is dashed otherwise. */
const DASHES = [[], [8, 4], [2, 4], [12, 4, 2, 4], [4, 2], [1, 6]]
/** Shares that the axis of a percentile chart names. */
const NAMED = [0, 0.5, 0.9, 0.99, 0.999, 0.9999]

for (const [i, chart] of CHARTS.entries()) draw(document.getElementById(`chart${i}`), chart)

function draw(place, { kind, unit, series, bare }) {
  const lines = kind === 'ecdf' ? ecdf(series) : percentiles(series)
  const dashesUsed = {}
  const options = {
    width: place.clientWidth,
    height: HEIGHT,
    ...lines.options(unit),
    cursor: { focus: { prox: 24 } },
    focus: { alpha: 0.25 },
    series: [
      { label: lines.axis, value: (_chart, value) => (value === null ? '' : lines.axisValue(value)) },
      ...series.map(({ name, implementation, secondary }) => {
        const nth = (dashesUsed[implementation] = (dashesUsed[implementation] ?? -1) + 1)
        return {
          label: name,
          stroke: COLOURS[implementation] ?? OTHER,
          width: implementation === bare || implementation === 'altostratus' ? 2.5 : 1.5,
          dash: DASHES[nth % DASHES.length],
          points: { show: false },
          spanGaps: true,
          show: !secondary,
          value: (_chart, value) => (value === null || value === undefined ? '' : lines.value(value, unit)),
        }
      }),
    ],
  }
  const plot = new uPlot(options, lines.data, place)
  addEventListener('resize', () => plot.setSize({ width: place.clientWidth, height: HEIGHT }))
}

/** Value over percentile, the percentiles toward the tail spread out. */
function percentiles(series) {
  const x = (share) => -Math.log10(1 - share)
  const shares = [...new Set(series.flatMap(({ curve }) => curve.map(([share]) => share)))]
    .filter((share) => share < 1)
    .sort((a, b) => a - b)
  const rows = series.map(({ curve }) => new Map(curve))
  const percent = (value) => `${Number((100 * (1 - 10 ** -value)).toFixed(3))} %`
  return {
    axis: 'percentile',
    axisValue: percent,
    value: (value, unit) => `${value} ${unit}`,
    data: [shares.map(x), ...rows.map((row) => shares.map((share) => row.get(share) ?? null))],
    options: (unit) => ({
      scales: { x: { time: false }, y: { distr: 3 } },
      axes: [
        { label: 'share of messages that took no longer', splits: () => NAMED.map(x), values: (_chart, splits) => splits.map(percent) },
        { label: unit, size: 70, values: (_chart, splits) => splits.map((value) => (value === null ? '' : String(value))) },
      ],
    }),
  }
}

/** Share over value. */
function ecdf(series) {
  const values = [...new Set(series.flatMap(({ curve }) => curve.map(([, value]) => value)))].sort((a, b) => a - b)
  const rows = series.map(({ curve }) => new Map(curve.map(([share, value]) => [value, share * 100])))
  return {
    axis: 'value',
    axisValue: String,
    value: (value) => `${value.toFixed(1)} %`,
    data: [values, ...rows.map((row) => values.map((value) => row.get(value) ?? null))],
    options: (unit) => ({
      scales: { x: { time: false, distr: 3 }, y: { range: [0, 100] } },
      axes: [{ label: unit }, { label: '% of messages', size: 60 }],
    }),
  }
}
