/** A figure of the page that Prometheus reads: its name with its labels, and its value. */
export interface Figure {
  series: string;
  value: number;
}

/** Reads the text format of Prometheus, but for the parts of histograms, which say nothing one by one. */
export function readMetrics(text: string): Figure[] {
  return text
    .split("\n")
    .filter((line) => line && !line.startsWith("#") && !/_bucket\{/.test(line))
    .map((line) => {
      const space = line.lastIndexOf(" ");
      return { series: line.slice(0, space), value: Number(line.slice(space + 1)) };
    })
    .filter(({ series, value }) => series && Number.isFinite(value));
}
