/** Masters of two feature levels apply one log alike; what only the newer one knows waits until all are. */
import { expect, test } from "bun:test";
import { FEATURE_LEVEL } from "../../src/registry/command-level.ts";
import { isDerivedRunId } from "../../src/registry/run-ids.ts";
import { ClusterClient } from "../support/cluster-client.ts";
import { MasterCluster } from "../support/master-cluster.ts";

const NAMES = ["10.0.0.1:5060", "10.0.0.2:5060", "10.0.0.3:5060"];

function agreed(cluster: MasterCluster): boolean {
  const nodes = [...cluster.members.values()].map(({ node }) => node);
  const applied = new Set(nodes.map((node) => node.raftStatus().appliedIndex));
  if (applied.size > 1) return false;
  expect(new Set(nodes.map((node) => node.registry.digest())).size).toBe(1);
  return true;
}

/** One task id, used twice, with a late word of the first run. */
function useTwice(client: ClusterClient, taskId: string): string | undefined {
  client.launch(taskId);
  const first = client.runIdOf(taskId);
  client.acknowledge(taskId, client.update(taskId, "TASK_RUNNING", first));
  client.acknowledge(taskId, client.update(taskId, "TASK_FINISHED", first));
  expect(client.runIdOf(taskId)).toBeUndefined();
  client.launch(taskId);
  client.update(taskId, "TASK_FINISHED", first);
  return first;
}

for (const old of NAMES) {
  test(`an upgrade that comes to ${old} last: run ids enter the log when all masters know them`, () => {
    const cluster = new MasterCluster(3, undefined, [old]);
    const client = new ClusterClient(cluster);
    client.register();
    client.subscribe();
    cluster.pass(1_000);
    expect(isDerivedRunId(useTwice(client, "t") ?? "")).toBe(true);
    // What the agent is told has no run id either: both runs would have the same.
    const told = client.toAgent().flatMap((m) => (m.kind === "run-task" ? [m.runId] : []));
    expect(told).toEqual([undefined, undefined]);
    cluster.until(() => agreed(cluster));
    expect(cluster.leader().node.raftStatus().membership.featureLevel).toBe(FEATURE_LEVEL - 1);

    const { name } = cluster.leader();
    cluster.stop(old);
    cluster.previous.delete(old);
    cluster.restart(old);
    cluster.until(() => cluster.leader().node.raftStatus().membership.featureLevel === FEATURE_LEVEL);
    if (name === old) {
      client.subscribe();
      client.register([{ taskId: "t", state: "TASK_FINISHED" }]);
    }
    const first = useTwice(client, "u") ?? "";
    expect(isDerivedRunId(first)).toBe(false);
    expect(client.runIdOf("u")).not.toBe(first);
    cluster.until(() => agreed(cluster));
    // The late word of the first run did not count.
    for (const { node } of cluster.members.values()) {
      expect(node.registry.task(client.frameworkId, "u")?.state).toBe("TASK_STAGING");
    }
  });
}
