/** Round numbers from nothing to at least the greatest: four steps at most, that people count in. */
export function ticks(greatest: number, whole = false): number[] {
  const rough = greatest / 4;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const found = [1, 2, 5, 10].map((by) => by * magnitude).find((step) => step >= rough) ?? 10 * magnitude;
  const step = whole ? Math.max(1, Math.ceil(found)) : found;
  const steps = Math.ceil(greatest / step);
  return Array.from({ length: steps + 1 }, (_, index) => index * step);
}

/** The parts of a line between which nothing is known. */
export function runs(values: (number | null)[]): { index: number; value: number }[][] {
  const found: { index: number; value: number }[][] = [];
  let open = false;
  values.forEach((value, index) => {
    if (value === null) open = false;
    else if (open) found.at(-1)?.push({ index, value });
    else {
      found.push([{ index, value }]);
      open = true;
    }
  });
  return found;
}
