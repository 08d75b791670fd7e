/**
 * One of three masters is away while the others commit more than the log
 * keeps, then comes back under load: what that costs the clients, and how long
 * it takes. Options: `--commands N` while away (default 200000); `--compacted`
 * to go on until the log has lost what the one away needs, so that it gets the
 * state.
 */
import { parseArgs } from "node:util";
import { load, type Put } from "../raft/load.ts";
import { Masters } from "../raft/masters.ts";
import { NoteClient } from "../raft/note-client.ts";
import { spread } from "./lib.ts";

const CLIENTS = 64;
const CONNECTIONS = 4;
const VALUE_BYTES = 256;
const WARM_UP_SECONDS = 5;
const SLICE_SECONDS = 1;
const BASELINE_SLICES = 5;
const CATCH_UP_TIMEOUT_S = 120;

interface Progress {
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
}

async function progress(masters: Masters, i: number): Promise<Progress | undefined> {
  try {
    const answer = await fetch(`http://127.0.0.1:${masters.places[i]?.port}/mesh/raft`);
    return (await answer.json()) as Progress;
  } catch {
    return undefined;
  }
}

/** Stores with whoever leads; tries again until it is done. */
function putToLeader(masters: Masters): Put {
  let link: Promise<NoteClient> | undefined;
  const connect = async (): Promise<NoteClient> => {
    const place = masters.links[await masters.leader()];
    if (place === undefined) throw new Error("No master leads");
    return NoteClient.connect(place);
  };
  return async (key, value) => {
    for (;;) {
      link ??= connect();
      const used = link;
      const done = await used.then((client) => client.put(key, value)).catch(() => undefined);
      if (done?.status === 200) return;
      if (link === used) link = undefined;
    }
  };
}

/** Puts in a second, slice after slice, until `enough` says so. */
async function slices(puts: readonly Put[], enough: (done: readonly number[]) => Promise<boolean>) {
  const perSecond: number[] = [];
  const latencyMs: number[] = [];
  while (!(await enough(perSecond))) {
    const result = await load(puts, CLIENTS, SLICE_SECONDS, VALUE_BYTES);
    perSecond.push(Math.round(result.latencyMs.length / result.seconds));
    for (const ms of result.latencyMs) latencyMs.push(ms);
  }
  return { perSecond, p99Ms: spread(latencyMs).p99 };
}

function mean(values: readonly number[]): number {
  return Math.round(values.reduce((sum, value) => sum + value, 0) / values.length);
}

export async function bench(): Promise<Record<string, unknown>> {
  const { values } = parseArgs({
    args: process.argv.slice(3),
    options: {
      commands: { type: "string", default: "200000" },
      compacted: { type: "boolean", default: false },
    },
  });
  const commands = Number(values.commands);
  await using masters = await Masters.start();
  const away = ((await masters.leader()) + 1) % 3;
  const puts = Array.from({ length: CONNECTIONS }, () => putToLeader(masters));
  await load(puts, CLIENTS, WARM_UP_SECONDS, VALUE_BYTES);
  const all = await slices(puts, async (done) => done.length >= BASELINE_SLICES);
  await masters.stopOne(away, "SIGKILL");
  const before = (await progress(masters, await masters.leader()))?.lastIndex ?? 0;
  const two = await slices(puts, async (done) => {
    if (done.reduce((sum, n) => sum + n * SLICE_SECONDS, 0) < commands) return false;
    const first = (await progress(masters, await masters.leader()))?.firstIndex ?? 0;
    return !values.compacted || first > before + 1;
  });
  const target = (await progress(masters, await masters.leader()))?.appliedIndex ?? 0;
  const backAtMs = performance.now();
  masters.startOne(away);
  let readyMs: number | undefined;
  let firstIndex = 0;
  const back = await slices(puts, async (done) => {
    const now = await progress(masters, away);
    if (now !== undefined && now.appliedIndex >= target) {
      readyMs ??= performance.now() - backAtMs;
      firstIndex = now.firstIndex;
    }
    if (performance.now() - backAtMs > CATCH_UP_TIMEOUT_S * 1000) throw new Error("It did not catch up");
    return readyMs !== undefined && done.length >= BASELINE_SLICES;
  });
  return {
    "puts/s, three masters": mean(all.perSecond),
    "puts/s, one away": mean(two.perSecond),
    "puts/s while it catches up": mean(back.perSecond),
    "each second of that": back.perSecond.join(" "),
    "share of three masters' throughput":
      Math.round((mean(back.perSecond) / mean(all.perSecond)) * 100) / 100,
    "p99 ms, three masters / one away / catching up": `${all.p99Ms} / ${two.p99Ms} / ${back.p99Ms}`,
    "entries behind": target - before,
    "it got": firstIndex > before + 1 ? "the state" : "the log",
    "until it had applied them, ms": Math.round(readyMs ?? 0),
  };
}
