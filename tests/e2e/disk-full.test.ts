/** A full disk under a whole master: what clients see, who leads, and how it ends with room again. */
import { expect, test } from "bun:test";
import { mayRun } from "../support/must-run.ts";
import { SMALL_DISKS_WORK } from "./small-disk.ts";
import { BINARY, eventually, mesh, TestCluster } from "./test-cluster.ts";

const TIMEOUT_MS = 90_000;
/** Every answer comes within this time, above that of a commit that is waited for in vain. */
const ANSWER_MAX_MS = 14_000;

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Status 0: none within the time in which there has to be one. */
async function put(master: string, key: string): Promise<Answer> {
  try {
    const response = await fetch(`http://${master}/mesh/notes/disk/${key}`, {
      method: "PUT",
      body: "x".repeat(2_000),
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MAX_MS),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { status: 0, text: String(error) };
  }
}

/** Fills what is left within the database's own files; resolves with the first answer that is no success. */
async function writeUntilRefused(master: string): Promise<Answer> {
  for (let i = 0; ; i++) {
    const answer = await put(master, `k${i % 50}`);
    if (answer.status !== 200) return answer;
  }
}

async function get(url: string): Promise<number> {
  return (await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(3_000) })).status;
}

test.skipIf(!mayRun(SMALL_DISKS_WORK))(
  "one master alone: changes are refused with the reason, reads go on, and it recovers with room",
  async () => {
    await using cluster = await TestCluster.start({
      masters: 1,
      agents: 1,
      smallDisks: true,
    });
    const [disk] = cluster.disks;
    const [master = ""] = cluster.masterAddresses;
    const flags = ["--master", master, "--quiet"];
    expect((await mesh(["run", ...flags, "--", "true"])).status).toBe(0);
    const stream = Bun.spawn([BINARY, "run", ...flags, "--", "sleep", "1000"], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    await eventually("the task to run", async () =>
      (await mesh(["tasks", "--master", master])).stdout.includes("TASK_RUNNING"),
    );

    expect((await put(master, "k0")).status).toBe(200);
    disk?.fill();
    const refused = await writeUntilRefused(master);
    expect([refused.status, refused.text]).toEqual([503, expect.stringContaining("data directory is full")]);
    // Now at once.
    const begunMs = performance.now();
    expect(await put(master, "more")).toEqual({ status: 503, text: expect.stringContaining("is full") });
    expect(performance.now() - begunMs).toBeLessThan(2_000);
    for (const path of [
      "master/state",
      "mesh/raft",
      "mesh/notes/disk/k0",
      "mesh/notes/disk/k0?consistency=linear",
    ]) {
      expect([path, await get(`http://${master}/${path}`)]).toEqual([path, 200]);
    }
    const run = await mesh(["run", ...flags, "--", "true"]);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain("The disk of this master's data directory is full");
    // Frameworks that were there still are.
    expect(stream.exitCode).toBeNull();
    expect(cluster.masters[0]?.running).toBe(true);

    disk?.free();
    await eventually("it to write again", async () => (await put(master, "again")).status === 200);
    expect((await mesh(["run", ...flags, "--", "true"])).status).toBe(0);
    stream.kill("SIGKILL");
    await stream.exited;
  },
  TIMEOUT_MS,
);

test.skipIf(!mayRun(SMALL_DISKS_WORK))(
  "the leader of three: one with room leads, clients hear nothing worse than 503, and it catches up",
  async () => {
    await using cluster = await TestCluster.start({
      masters: 3,
      agents: 1,
      smallDisks: true,
    });
    const leader = await cluster.leader();
    const master = cluster.masterAddresses[leader] ?? "";
    const disk = cluster.disks[leader];
    disk?.fill();
    // Written on, until the leader notices: what is under way is committed by the others.
    const last = await writeUntilRefused(master);
    expect([307, 503]).toContain(last.status);
    const next = await eventually("another leader", async () => {
      const found = await cluster.leader(leader);
      return found + 1;
    });
    const other = cluster.masterAddresses[next - 1] ?? "";
    await eventually("the next leader to commit", async () => (await put(other, "new")).status === 200);
    expect(
      (await mesh(["run", "--master", cluster.masterAddresses.join(","), "--quiet", "--", "true"])).status,
    ).toBe(0);
    // The full one sends clients there, and still reads.
    expect(await get(`http://${master}/mesh/raft`)).toBe(200);
    expect((await put(master, "new")).status).toBe(307);

    disk?.free();
    await eventually("the full one to hold what was written meanwhile", async () => {
      return (await get(`http://${master}/mesh/notes/disk/new?consistency=stale`)) === 200;
    });
    const check = await mesh(["raft", "check", "--master", cluster.masterAddresses.join(",")]);
    expect([check.status, check.stdout]).toEqual([0, expect.stringContaining("3 of 3 masters agree")]);
  },
  TIMEOUT_MS,
);
