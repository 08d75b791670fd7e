/** A hardened agent on the binary: what frameworks ask for works, and is held. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerInfo, Volume } from "../../src/model/v1/containers.ts";
import { mayRun } from "../support/must-run.ts";
import { eventually, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

const FIRST = 2_000_000_000;
/** What --hardened stands for, less --private-tmp: the directories of tests are below /tmp. */
const FLAGS = [
  ...["--userns-range", `${FIRST}:65536`, "--forbid-new-privileges", "--private-file-systems"],
  ...["--seccomp-profile-name", "default", "--bounding-capabilities", '{"capabilities": ["CHOWN", "KILL"]}'],
];
const usable = process.getuid?.() === 0 && process.platform === "linux" && process.arch === "x64";

const SHARED: ContainerInfo = {
  type: "MESOS",
  volumes: [
    {
      mode: "RW",
      container_path: "shared",
      source: { type: "SANDBOX_PATH", sandbox_path: { type: "PARENT", path: "common" } },
    },
  ],
};

test.skipIf(!mayRun(usable))(
  "tasks with volumes, limits and capabilities, and pods, run over a restart; what is forbidden fails with the reason",
  async () => {
    await using cluster = await TestCluster.start({ masters: 1, agents: 1, agentFlags: FLAGS });
    await using scheduler = new TestScheduler(cluster.masterAddresses);
    const host = join(cluster.directory, "host");
    mkdirSync(host, { mode: 0o777 });
    const volume = (mode: Volume["mode"], container_path: string): Volume => ({
      ...{ mode, container_path },
      source: { type: "HOST_PATH", host_path: { path: host } },
    });
    const container: ContainerInfo = {
      type: "MESOS",
      volumes: [volume("RO", "ro")],
      rlimit_info: { rlimits: [{ type: "RLMT_NOFILE", soft: 50, hard: 60 }] },
      linux_info: { effective_capabilities: { capabilities: ["KILL"] } },
    };
    const script =
      "{ id -u; ulimit -n; grep -E 'CapEff|Seccomp:|NoNewPrivs' /proc/self/status; ls ro; } >>seen; " +
      "touch ro/x || echo read-only >>seen; exec sleep 1000";
    for (const [name, mode] of [
      ["for-all", 0o644],
      ["for-root", 0o600],
    ] as const) {
      writeFileSync(join(cluster.directory, name), "fetched\n", { mode });
    }
    const fetching = (name: string, value: string) => ({
      command: { value, uris: [{ value: join(cluster.directory, name) }] },
    });
    await scheduler.launch([
      {
        id: "held",
        command: "",
        more: { container, ...fetching("for-all", `cat for-all >seen; ${script}`) },
      },
      { id: "thief", command: "", more: fetching("for-root", "true") },
      {
        id: "greedy",
        command: "true",
        more: {
          container: {
            type: "MESOS",
            linux_info: { effective_capabilities: { capabilities: ["SYS_ADMIN"] } },
          },
        },
      },
      {
        id: "unknown-profile",
        command: "true",
        more: { container: { type: "MESOS", linux_info: { seccomp: { profile_name: "mine" } } } },
      },
    ]);
    await scheduler.launchGroup(
      "pod",
      [
        { id: "writer", command: "echo hello >shared/word; exec sleep 1000" },
        {
          id: "reader",
          command:
            "while ! grep -q hello shared/word; do sleep 0.1; done; echo and >>shared/word; exec sleep 1000",
        },
      ],
      { container: SHARED },
    );
    await eventually(
      "three to run",
      () => scheduler.count((state) => state === "TASK_RUNNING") === 3,
      60_000,
    );
    const failed = (id: string) => eventually(`${id} to fail`, () => scheduler.stateOf(id) === "TASK_FAILED");
    await failed("greedy");
    await failed("unknown-profile");
    await failed("thief");
    const message = (id: string) => scheduler.told.get(id)?.at(-1)?.message;
    expect(message("greedy")).toContain("Requested capabilities SYS_ADMIN, but only CHOWN, KILL are allowed");
    expect(message("unknown-profile")).toContain('no seccomp profile "mine"; it has default');

    expect(message("thief")).toContain("Permission denied");
    const find = (name: string) =>
      [
        ...new Bun.Glob(`a0/slaves/*/frameworks/*/executors/*/runs/**/${name}`).scanSync({
          cwd: cluster.directory,
        }),
      ]
        .map((path) => join(cluster.directory, path))
        .at(0);
    const seen = await eventually("what it saw", () => {
      const path = find("seen");
      return path !== undefined && readFileSync(path, "utf8").includes("read-only") ? path : undefined;
    });
    const text = readFileSync(seen, "utf8").replaceAll("\t", "");
    expect(text.split("\n")).toEqual([
      ...["fetched", "0", "50", "CapEff:0000000000000020", "NoNewPrivs:1", "Seccomp:2", "read-only", ""],
    ]);
    expect(statSync(seen).uid).toBe(FIRST);
    await eventually("the pod's words", () => {
      const path = find("common/word");
      return path !== undefined && readFileSync(path, "utf8") === "hello\nand\n";
    });

    const [agent] = cluster.agents;
    await agent?.kill("SIGKILL");
    agent?.start();
    await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1, 60_000);
    await scheduler.client.call({ type: "KILL", kill: { task_id: { value: "held" } } });
    await eventually(
      "the end of a task of before",
      () => scheduler.stateOf("held") === "TASK_KILLED",
      60_000,
    );
    expect(scheduler.stateOf("writer")).toBe("TASK_RUNNING");
    expect(existsSync(join(host, "x"))).toBe(false);
  },
  180_000,
);
