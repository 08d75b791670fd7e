import { expect, test } from "bun:test";
import type { Log } from "../../src/base/log.ts";
import { silentLog } from "../../src/base/log.ts";
import { LeadershipNews } from "../../src/master/say.ts";

const OWN = { id: "m-1", hostname: "a", ip: "10.0.0.1", port: 5050 };

test("a leader of another region is an error", () => {
  const errors: unknown[] = [];
  const log = { ...silentLog, error: (_: string, fields?: object) => void errors.push(fields) };
  const domain = (name: string) => ({ domain: { fault_domain: { region: { name }, zone: { name: "z" } } } });
  const follow = (own: string | undefined, leader: string | undefined): void => {
    const of = (region: string | undefined) => (region === undefined ? {} : domain(region));
    const news = new LeadershipNews(log, { ...OWN, ...of(own) });
    news.tell({ kind: "following", leader: { ...OWN, id: "m-2", ...of(leader) } }, () => ({
      term: 1,
      steppedDown: null,
    }));
  };
  follow("eu", "eu");
  follow(undefined, undefined);
  expect(errors).toEqual([]);
  follow("eu", "us");
  follow("eu", undefined);
  expect(errors).toMatchObject([
    { region: "eu", leaderRegion: "us" },
    { region: "eu", leaderRegion: "none" },
  ]);
});

test("who leads is said once for each change", () => {
  const said: string[] = [];
  const keep =
    (level: string): Log["info"] =>
    (message, fields) => {
      said.push(
        `${level} ${message} ${fields?.["leader"] ?? fields?.["why"] ?? ""} term ${fields?.["term"]}`,
      );
    };
  const news = new LeadershipNews({ ...silentLog, info: keep("info"), warn: keep("warn") }, OWN);
  const leader = { id: "m-2", hostname: "b", ip: "10.0.0.2", port: 5050 };
  news.tell({ kind: "unknown" }, () => ({ term: 0, steppedDown: "no-quorum" }));
  news.tell({ kind: "leading", recovered: false }, () => ({ term: 1, steppedDown: "no-quorum" }));
  news.tell({ kind: "leading", recovered: true }, () => ({ term: 1, steppedDown: "no-quorum" }));
  news.tell({ kind: "leading", recovered: true }, () => ({ term: 1, steppedDown: "no-quorum" }));
  news.tell({ kind: "unknown" }, () => ({ term: 2, steppedDown: "no-quorum" }));
  news.tell({ kind: "following", leader }, () => ({ term: 2, steppedDown: "no-quorum" }));
  news.tell({ kind: "following", leader }, () => ({ term: 2, steppedDown: "no-quorum" }));
  expect(said).toEqual([
    "info This master leads  term 1",
    "warn This master leads no longer no majority of the masters answered for an election timeout term 2",
    "info Another master leads b:5050 term 2",
  ]);
});
