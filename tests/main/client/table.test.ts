import { expect, test } from "bun:test";
import { formatAge, formatTable } from "../../../src/main/client/table.ts";

test("columns are as wide as their widest cell, lines have no trailing blanks", () => {
  expect(
    formatTable(
      ["ID", "STATE"],
      [
        ["a-long-one", "x"],
        ["b", ""],
      ],
    ),
  ).toBe("ID          STATE\na-long-one  x\nb");
});

test("ages", () => {
  expect([3.9, 61, 7200, 200_000].map(formatAge)).toEqual(["3s", "1m", "2h", "2d"]);
});
