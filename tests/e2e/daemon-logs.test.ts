/** Where a master and an agent write their logs, and what /files and /state show of it. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import { eventually, MeshProcess } from "./test-cluster.ts";

async function getJson(url: string): Promise<Record<string, unknown>> {
  return (await (await fetch(url)).json()) as Record<string, unknown>;
}

test("files of --log-dir are shown by /files; --quiet leaves standard error alone", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mesh-logs-"));
  const [port, raftPort, agentPort] = [freePort(), freePort(), freePort()];
  const own = (name: string) => ["--ip", "127.0.0.1", "--log-dir", join(directory, name), "--quiet"];
  const master = new MeshProcess(directory, "master", [
    ...["master", ...own("logs"), "--port", `${port}`, "--raft-port", `${raftPort}`],
    ...["--data-dir", join(directory, "m"), "--cluster", "attic", "--hostname", "localhost"],
  ]);
  const agent = new MeshProcess(directory, "agent", [
    ...["agent", ...own("logs"), "--port", `${agentPort}`, "--master", `127.0.0.1:${port}`],
    ...["--work-dir", join(directory, "a"), "--resources", "cpus:1;mem:64;disk:10;ports:[]"],
    ...["--hostname-lookup", "--logging-level", "INFO"],
  ]);
  try {
    const slaves = await eventually("the agent to register", async () => {
      const { slaves } = await getJson(`http://127.0.0.1:${port}/slaves`);
      return (slaves as { active: boolean; hostname: string }[]).some(({ active }) => active) && slaves;
    });
    expect((slaves as { hostname: string }[])[0]?.hostname).toBe("localhost");
    const logDir = join(directory, "logs");
    const masterState = await getJson(`http://127.0.0.1:${port}/state`);
    expect(masterState).toMatchObject({ cluster: "attic", hostname: "localhost", log_dir: logDir });
    expect(await getJson(`http://127.0.0.1:${port}/state-summary`)).toMatchObject({ cluster: "attic" });
    expect(await getJson(`http://127.0.0.1:${agentPort}/state`)).toMatchObject({ log_dir: logDir });
    for (const [address, path, name, words] of [
      [port, "/master/log", "master", "Master started"],
      [agentPort, "/slave/log", "agent", "Agent started"],
    ] as const) {
      const { data } = await getJson(`http://127.0.0.1:${address}/files/read?path=${path}&offset=0`);
      expect(data).toContain(words);
      expect(readFileSync(join(logDir, `mesh-${name}.log`), "utf8")).toStartWith(data as string);
      expect(await getJson(`http://127.0.0.1:${address}/files/debug`)).toHaveProperty([path]);
      const beside = await fetch(`http://127.0.0.1:${address}/files/read?path=${path}/../mesh-master.log`);
      expect(beside.status).toBe(400);
    }
    expect([master.log, agent.log]).toEqual(["", ""]);
  } finally {
    await Promise.all([agent.kill("SIGKILL"), master.kill("SIGKILL")]);
    rmSync(directory, { recursive: true, force: true });
  }
}, 40_000);
