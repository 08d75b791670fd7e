/** Makes a failing run smaller, step by step: fewer members, faults and clients; shorter; quieter. */
import type { VoprOptions } from "./options.ts";
import { type Outcome, simulate } from "./simulate.ts";

export interface Shrunk {
  readonly options: VoprOptions;
  readonly outcome: Outcome;
  readonly runs: number;
}

/**
 * The run of `seed` with `options` must fail. Another violation than the first
 * will do, but a failure of another kind will not.
 */
export function shrink(seed: number, options: VoprOptions, maxRuns: number): Shrunk {
  let best = options;
  let outcome = simulate(seed, options);
  let runs = 1;
  for (let progress = true; progress && runs < maxRuns; ) {
    progress = false;
    for (const candidate of smaller(best)) {
      if (runs >= maxRuns) break;
      const tried = simulate(seed, candidate);
      runs++;
      if (tried.violation?.name !== outcome.violation?.name) continue;
      best = candidate;
      outcome = tried;
      progress = true;
      break;
    }
  }
  return { options: best, outcome, runs };
}

/** Options that are a step simpler, the greatest steps first. */
function* smaller(options: VoprOptions): Generator<VoprOptions> {
  const { faults, members, clients, keys, safetyMs, network, disk, raft } = options;
  for (const part of [4, 2, 1]) {
    const drop = Math.ceil(faults.length / part);
    for (let from = 0; part > 1 && from < faults.length; from += drop) {
      yield { ...options, faults: faults.toSpliced(from, drop) };
    }
  }
  for (const [n] of faults.entries()) yield { ...options, faults: faults.toSpliced(n, 1) };
  for (const fewer of [1, 2, 3, members - 1])
    if (fewer > 0 && fewer < members) yield { ...options, members: fewer };
  if (safetyMs > 500)
    for (const shorter of [0.3, 0.6, 0.9]) yield { ...options, safetyMs: Math.floor(safetyMs * shorter) };
  for (const fewer of [1, clients - 1])
    if (fewer >= 1 && fewer < clients) yield { ...options, clients: fewer };
  if (keys > 1) yield { ...options, keys: 1 };
  if (network.lossPercent > 0) yield { ...options, network: { ...network, lossPercent: 0 } };
  if (network.repeatPercent > 0) yield { ...options, network: { ...network, repeatPercent: 0 } };
  if (network.reorders) yield { ...options, network: { ...network, reorders: false } };
  if (network.latencyMeanMs > 1) yield { ...options, network: { ...network, latencyMeanMs: 1 } };
  if (network.encoded) yield { ...options, network: { ...network, encoded: false } };
  if (disk.writeMaxMs > 1) yield { ...options, disk: { ...disk, writeMaxMs: 1 } };
  if (disk.readMaxMs > 0) yield { ...options, disk: { ...disk, readMaxMs: 0 } };
  if (raft.keepEntries < 1_000) yield { ...options, raft: { ...raft, keepEntries: 1_000 } };
  if (raft.memoryMaxBytes < 1_000_000) yield { ...options, raft: { ...raft, memoryMaxBytes: 1_000_000 } };
  if (options.driftMax > 0) yield { ...options, driftMax: 0 };
}
