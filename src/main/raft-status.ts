/** `mesh raft status`: how each master sees the log. */
import { MeshError } from "../base/errors.ts";
import { directFetch } from "../io/direct-fetch.ts";
import type { RaftStatus } from "../master/port.ts";
import { print } from "./client/output.ts";
import { formatTable } from "./client/table.ts";
import type { ListOptions } from "./list.ts";

const RAFT_PATH = "/mesh/raft";

/** Asks every address given, each for its own view; fails only when none answers. */
export async function showRaftStatus(options: ListOptions): Promise<void> {
  const views = await Promise.all(
    options.masters.map(async (address) => ({ address, status: await askRaftStatus(address) })),
  );
  if (views.every((view) => view.status === undefined)) {
    throw new MeshError(
      "MASTER_UNREACHABLE",
      `Cannot reach a master at ${options.masters.map((a) => `'${a}'`).join(", ")}: no answer. Name yours with --master host:port[,host:port…]`,
    );
  }
  if (options.json) {
    await print(JSON.stringify(views, null, 2));
    return;
  }
  const rows = views.map(({ address, status }) =>
    status === undefined
      ? [address, "", "", "no answer", "", "", "", ""]
      : [
          address,
          status.self,
          status.address,
          status.role,
          String(status.term),
          `${status.firstIndex}-${status.lastIndex}`,
          String(status.commitIndex),
          String(status.appliedIndex),
        ],
  );
  await print(
    formatTable(["MASTER", "MEMBER", "RAFT ADDRESS", "ROLE", "TERM", "LOG", "COMMITTED", "APPLIED"], rows),
  );
  const leader = views.find((view) => view.status?.role === "leader")?.status;
  if (leader === undefined) return;
  const members = leader.members.map((member) => {
    const peer = leader.peers.find(({ id }) => id === member.id);
    const matched = peer === undefined ? leader.lastIndex : peer.matchIndex;
    return [
      member.id,
      member.address,
      member.votes ? "voter" : "learner",
      matched === undefined ? "" : String(matched),
      matched === undefined ? "" : String(leader.lastIndex - matched),
      peer === undefined ? "leads" : peer.connected ? "connected" : "not connected",
    ];
  });
  const heading = ["MEMBER", "RAFT ADDRESS", "KIND", "MATCHED", "BEHIND", "LINK"];
  await print(`\n${formatTable(heading, members)}`);
  if (leader.joint !== undefined) await print("\nA change of the voters is under way");
}

/** Undefined when there is no answer. */
export async function askRaftStatus(address: string): Promise<RaftStatus | undefined> {
  try {
    const response = await directFetch(`http://${address}${RAFT_PATH}`, {
      signal: AbortSignal.timeout(3_000),
    });
    // The answer is this program's own view type, written by the same version or a close one.
    return response.status === 200 ? ((await response.json()) as RaftStatus) : undefined;
  } catch {
    return undefined;
  }
}
