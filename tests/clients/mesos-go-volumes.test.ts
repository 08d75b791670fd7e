/**
 * Debian's mesos-go, unmodified: reserve, create, launch, launch again on what
 * the first task wrote, destroy and unreserve, all through ACCEPT.
 */
import { beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually, TestCluster } from "../e2e/test-cluster.ts";
import { buildMesosGoClient } from "./mesos-go/build.ts";
import { type Line, MesosGoClient, type OfferedResource } from "./mesos-go/client.ts";

const ROLE = "stateful";
/** A build that finds nothing cached, on a busy machine. */
const BUILD_TIMEOUT_MS = 600_000;

beforeAll(async () => void (await buildMesosGoClient()), BUILD_TIMEOUT_MS);

function reserved(offer: Line | undefined): OfferedResource[] {
  return (offer?.resources ?? []).filter((one) => one.reserved.length > 0);
}

async function waitForEnd(client: MesosGoClient, task: string): Promise<Line> {
  return await eventually(`the end of ${task}`, () =>
    client
      .updates()
      .find((line) => line.task === task && !/STARTING|RUNNING|KILLING/.test(line.state ?? "STARTING")),
  );
}

test("a reservation with a volume: made, used twice, given up", async () => {
  await using cluster = await TestCluster.start({ masters: 3, agents: 1 });
  const masters = cluster.masterAddresses.join();
  await using client = await MesosGoClient.start("scheduler", "protobuf", masters, ROLE);
  try {
    await eventually("the framework to subscribe", () => client.of("subscribed").length > 0);
    client.order({ do: "refuse", seconds: 0 });
    client.order({ do: "store", role: ROLE, ids: ["writer"], command: "echo kept by {id} > data/file" });
    client.order({ do: "revive" });
    expect((await waitForEnd(client, "writer")).state).toBe("TASK_FINISHED");

    // Free again, it is offered as reserved, the volume apart from the rest.
    const held = await eventually("the reservation to be offered", () =>
      client.of("offer").find((offer) => reserved(offer).some(({ volume }) => volume !== "")),
    );
    expect(
      reserved(held)
        .map(({ name, scalar, volume, reserved: roles }) => ({ name, scalar, volume, roles }))
        .sort((a, b) => a.name.localeCompare(b.name)),
    ).toEqual([
      { name: "cpus", scalar: 0.05, volume: "", roles: [ROLE] },
      { name: "disk", scalar: 32, volume: "data", roles: [ROLE] },
      { name: "mem", scalar: 16, volume: "", roles: [ROLE] },
    ]);

    // The leader dies; the next one knows of the reservation and the volume.
    await cluster.masters[await cluster.leader()]?.kill("SIGKILL");
    await eventually("the framework to find it", () => client.of("subscribed").length > 1);
    const record = join(cluster.directory, "read");
    const reading = client.lines.length;
    const command = `cat data/file > ${record} && ls`;
    client.order({ do: "store", role: ROLE, ids: ["reader"], command });
    expect((await waitForEnd(client, "reader")).state).toBe("TASK_FINISHED");
    expect(await Bun.file(record).text()).toBe("kept by writer\n");
    const accepts = client.of("call", reading).filter(({ call }) => call === "ACCEPT");
    expect(accepts.filter(({ error }) => error === "").length).toBe(1);

    client.order({ do: "give-up", role: ROLE });
    // What was never reserved may be offered on its own before.
    await eventually("everything to be offered unreserved", () => {
      const { resources = [] } = client.of("offer").at(-1) ?? {};
      const disks = resources.filter(({ name }) => name === "disk");
      return (
        resources.every((one) => one.reserved.length === 0) &&
        disks.length === 1 &&
        disks.every(({ scalar, volume }) => scalar === 1000 && volume === "")
      );
    });
    client.order({ do: "stop" });
    expect(await client.exited()).toBe(0);
    expect(client.of("ERROR")).toEqual([]);
  } catch (error) {
    console.error(client.tail(), cluster.logTails());
    throw error;
  }
}, 120_000);
