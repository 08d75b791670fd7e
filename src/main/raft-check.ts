/** `mesh raft check`: do the masters hold the same registry? */
import { MeshError } from "../base/errors.ts";
import type { ListOptions } from "./list.ts";
import { askRaftStatus } from "./raft-status.ts";

/** Shows the newest comparison and what each master says of itself; the exit status. */
export async function checkRaft(options: ListOptions): Promise<number> {
  const views = await Promise.all(
    options.masters.map(async (address) => ({ address, status: await askRaftStatus(address) })),
  );
  const leader = views.find(({ status }) => status?.role === "leader")?.status;
  const diverged = views.filter(({ status }) => status?.digest?.diverged === true);
  const damaged = views.filter(({ status }) => status?.damage !== undefined);
  if (views.every(({ status }) => status === undefined)) {
    throw new MeshError(
      "MASTER_UNREACHABLE",
      `Cannot reach a master at ${options.masters.join(", ")}: no answer. Name all of them with --master host:port[,host:port…]`,
    );
  }
  const digest = leader?.digest;
  const differing = digest?.differing ?? [];
  const healthy = diverged.length === 0 && damaged.length === 0 && differing.length === 0;
  if (options.json) {
    const result = {
      healthy,
      digest: digest ?? null,
      diverged: diverged.map(({ address }) => address),
      damaged: damaged.map(({ address, status }) => ({ address, reason: status?.damage })),
    };
    console.log(JSON.stringify(result, null, 2));
    return healthy ? 0 : 1;
  }
  if (leader === undefined) console.log("No leader among the masters asked: name all of them with --master");
  else if (digest?.index === undefined) console.log("The leader has not compared the registries yet");
  else
    console.log(
      `Registries at log index ${digest.index}: ${digest.agreed} of ${digest.members} masters agree`,
    );
  for (const member of differing) console.log(`Master ${member} differs`);
  for (const { address } of diverged) {
    console.log(
      `${address} serves no longer: take it out with 'mesh raft remove' and add it with an empty directory`,
    );
  }
  for (const { address, status } of damaged) console.log(`${address} repairs its log: ${status?.damage}`);
  return healthy ? 0 : 1;
}
