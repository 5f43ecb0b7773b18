/** How far a clock is ahead of UTC that says `minutes` less than UTC does, as `Date.getTimezoneOffset` counts: of the form that quiet hours have. */
export function aheadOfUtc(minutes: number): string {
  const pad = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  return `${minutes > 0 ? "-" : "+"}${pad(Math.abs(minutes) / 60)}:${pad(Math.abs(minutes) % 60)}`;
}
