/** `mesh raft check`: do the masters hold the same registry? */
import { MeshError } from "../base/errors.ts";
import type { RaftStatus } from "../master/port.ts";
import { print } from "./client/output.ts";
import type { ListOptions } from "./list.ts";
import { askRaftStatus } from "./raft-status.ts";

/** A new leader, and a master that lags for a moment, are given so long. */
const COMPARED_WITHIN_MS = 5_000;
const ASK_AGAIN_MS = 100;

interface View {
  readonly address: string;
  /** Undefined when there is no answer. */
  readonly status: RaftStatus | undefined;
}

interface Findings {
  readonly leader: RaftStatus | undefined;
  /** Masters asked that gave no answer. */
  readonly silent: readonly string[];
  /** Ids of members whose registries differ from the majority's. */
  readonly differing: readonly string[];
  /** Ids of members that the leader has not heard from. */
  readonly unheard: readonly string[];
  readonly diverged: readonly string[];
  readonly damaged: readonly { readonly address: string; readonly reason: string }[];
  /** The leader has compared all members, or is alone. */
  readonly compared: boolean;
  readonly healthy: boolean;
}

/** Shows the newest comparison and what each master says; the exit status, 0 only if all is well. */
export async function checkRaft(options: ListOptions, withinMs = COMPARED_WITHIN_MS): Promise<number> {
  const findings = await askUntilCompared(options.masters, withinMs);
  const { healthy, leader, silent, unheard, diverged, damaged } = findings;
  if (options.json) {
    const digest = leader?.digest ?? null;
    await print(JSON.stringify({ healthy, digest, unheard, silent, diverged, damaged }, null, 2));
  } else {
    for (const line of report(findings)) await print(line);
  }
  return healthy ? 0 : 1;
}

async function askUntilCompared(masters: readonly string[], withinMs: number): Promise<Findings> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const ask = async (address: string): Promise<View> => ({ address, status: await askRaftStatus(address) });
    const views = await Promise.all(masters.map(ask));
    const findings = judge(views);
    if (findings.silent.length === masters.length) {
      throw new MeshError(
        "MASTER_UNREACHABLE",
        `Cannot reach a master at ${masters.join(", ")}: no answer. Name all of them with --master host:port[,host:port…]`,
      );
    }
    if (findings.compared || performance.now() >= endMs) return findings;
    await Bun.sleep(ASK_AGAIN_MS);
  }
}

function judge(views: readonly View[]): Findings {
  const leader = views.find(({ status }) => status?.role === "leader")?.status;
  const digest = leader?.digest;
  const differing = digest?.differing ?? [];
  const diverged = views.filter(({ status }) => status?.digest?.diverged === true);
  const damaged = views.flatMap(({ address, status }) => {
    return status?.damage === undefined ? [] : [{ address, reason: status.damage }];
  });
  const silent = views.filter(({ status }) => status === undefined).map(({ address }) => address);
  const alone = leader !== undefined && leader.members.length === 1;
  const answered = digest === undefined ? 0 : digest.agreed + differing.length;
  const all = leader?.members.length ?? 0;
  const compared = alone || (digest?.index !== undefined && answered === all && digest.members === all);
  const problems = silent.length + differing.length + diverged.length + damaged.length;
  return {
    leader,
    silent,
    differing,
    unheard: digest?.unheard ?? [],
    diverged: diverged.map(({ address }) => address),
    damaged,
    compared,
    healthy: compared && problems === 0,
  };
}

function report({ leader, silent, differing, unheard, diverged, damaged }: Findings): string[] {
  const digest = leader?.digest;
  const named = (id: string): string => {
    const address = leader?.members.find((member) => member.id === id)?.address;
    return address === undefined ? id : `${id} at ${address}`;
  };
  const lines: string[] = [];
  if (leader === undefined) lines.push("No leader among the masters asked: name all of them with --master");
  else if (leader.members.length === 1)
    lines.push("One master: there is nothing to compare its registry with");
  else if (digest?.index === undefined) lines.push("The leader has not compared the registries yet");
  else
    lines.push(
      `Registries at log index ${digest.index}: ${digest.agreed} of ${digest.members} masters agree`,
    );
  for (const id of unheard) {
    lines.push(`Master ${named(id)} is not heard from: it is away, lags, or is of another feature level`);
  }
  for (const id of differing) lines.push(`Master ${named(id)} differs`);
  for (const address of silent) lines.push(`${address} gives no answer`);
  for (const address of diverged) {
    lines.push(
      `${address} serves no longer: take it out with 'mesh raft remove' and add it with an empty directory`,
    );
  }
  for (const { address, reason } of damaged) lines.push(`${address} repairs its log: ${reason}`);
  return lines;
}
