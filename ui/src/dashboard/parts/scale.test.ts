import { expect, it } from "vitest";

import { runs, ticks } from "./scale";

it.each([
  [1, true, [0, 1]],
  [3, true, [0, 1, 2, 3]],
  [7, true, [0, 2, 4, 6, 8]],
  [100, true, [0, 50, 100]],
  [0.4, false, [0, 0.1, 0.2, 0.30000000000000004, 0.4]],
  [430, false, [0, 200, 400, 600]],
])("counts to %d in round steps", (greatest, whole, expected) => {
  expect(ticks(greatest, whole)).toEqual(expected);
});

it("leaves a gap where nothing is known", () => {
  expect(runs([1, 2, null, 3])).toEqual([
    [
      { index: 0, value: 1 },
      { index: 1, value: 2 },
    ],
    [{ index: 3, value: 3 }],
  ]);
  expect(runs([null])).toEqual([]);
});
