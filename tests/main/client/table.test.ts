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

test("what a name has in it moves no other column and makes no row", () => {
  const names = ["a\nb\u001b[2J", "東京", "ü"];
  expect(
    formatTable(
      ["NAME", "STATE"],
      names.map((name) => [name, "x"]),
    ).split("\n"),
  ).toEqual(["NAME         STATE", "a\\nb\\x1b[2J  x", "東京         x", "ü            x"]);
});

test("a table may be long", () => {
  const rows = Array.from({ length: 1_000_000 }, (_, i) => [String(i), "x"]);
  expect(formatTable(["TASK", "STATE"], rows)).toEndWith("\n999999  x");
}, 30_000);

test("ages", () => {
  expect([3.9, 61, 7200, 200_000].map(formatAge)).toEqual(["3s", "1m", "2h", "2d"]);
});
