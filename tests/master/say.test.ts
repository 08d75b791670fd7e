import { expect, test } from "bun:test";
import type { Log } from "../../src/base/log.ts";
import { silentLog } from "../../src/base/log.ts";
import { LeadershipNews } from "../../src/master/say.ts";

test("who leads is said once for each change", () => {
  const said: string[] = [];
  const keep =
    (level: string): Log["info"] =>
    (message, fields) => {
      said.push(`${level} ${message} ${fields?.["leader"] ?? ""} term ${fields?.["term"]}`);
    };
  const news = new LeadershipNews({ ...silentLog, info: keep("info"), warn: keep("warn") });
  const leader = { id: "m-2", hostname: "b", ip: "10.0.0.2", port: 5050 };
  news.tell({ kind: "unknown" }, () => 0);
  news.tell({ kind: "leading", recovered: false }, () => 1);
  news.tell({ kind: "leading", recovered: true }, () => 1);
  news.tell({ kind: "leading", recovered: true }, () => 1);
  news.tell({ kind: "unknown" }, () => 2);
  news.tell({ kind: "following", leader }, () => 2);
  news.tell({ kind: "following", leader }, () => 2);
  expect(said).toEqual([
    "info This master leads  term 1",
    "warn This master leads no longer  term 2",
    "info Another master leads b:5050 term 2",
  ]);
});
