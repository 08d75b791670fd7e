import { afterEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SandboxPort, SandboxRun } from "../../src/agent/port.ts";
import { silentLog } from "../../src/base/log.ts";
import { ok } from "../../src/base/result.ts";
import type { Limitation } from "../../src/isolation/container.ts";
import { SandboxCare, type SandboxCareOptions } from "../../src/main/sandbox-care.ts";
import { DEFAULT_SANDBOX_SETTINGS, type SandboxSettings } from "../../src/main/sandbox-flags.ts";
import { eventually } from "../e2e/test-cluster.ts";

const KIB = 1_024;

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** An agent as far as its sandboxes are concerned. */
class FakeAgent implements SandboxPort, AsyncDisposable {
  readonly workDir = mkdtempSync(join(tmpdir(), "mesh-care-"));
  readonly runs = new Map<string, SandboxRun>();
  readonly orphans: string[] = [];
  readonly killed: [string, Limitation | undefined][] = [];
  #care: SandboxCare | undefined;

  constructor() {
    directories.push(this.workDir);
  }

  /** A sandbox of a running container. */
  add(containerId: string, needs: Partial<ReturnType<SandboxRun["needs"]>> = {}): string {
    const sandbox = this.makeSandbox(containerId);
    const all = { diskBytes: 0, volumes: [], loggerVariables: [], ...needs };
    this.runs.set(containerId, { containerId, sandbox, running: true, needs: () => all });
    return sandbox;
  }

  makeSandbox(containerId: string): string {
    const path = `slaves/A/frameworks/F/executors/${containerId}/runs/${containerId}`;
    const sandbox = join(this.workDir, path);
    mkdirSync(sandbox, { recursive: true });
    utimesSync(sandbox, 1, 1);
    return sandbox;
  }

  start(settings: Partial<SandboxSettings>, projects?: SandboxCareOptions["projects"]): SandboxCare {
    this.#care = new SandboxCare({
      port: this,
      workDir: this.workDir,
      runtime: {
        listOrphans: async () => this.orphans,
        kill: async (containerId, limitation) => {
          this.killed.push([containerId, limitation]);
          this.runs.delete(containerId);
          return ok(undefined);
        },
      },
      settings: { ...DEFAULT_SANDBOX_SETTINGS, diskWatchIntervalMs: 20, ...settings },
      log: silentLog,
      projects,
      lookIntervalMs: 10,
    });
    this.#care.start();
    return this.#care;
  }

  sandboxRuns(): readonly SandboxRun[] {
    return [...this.runs.values()];
  }

  taskSandboxRun(containerId: string): SandboxRun | undefined {
    return this.runs.get(containerId);
  }

  holdsContainer(containerId: string): boolean {
    return this.runs.has(containerId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#care?.stop();
  }
}

describe("the care of sandboxes", () => {
  test("old ones go; those of running containers and of orphans that still end stay", async () => {
    await using agent = new FakeAgent();
    const [running, orphan, old] = [
      agent.add("running"),
      agent.makeSandbox("orphan"),
      agent.makeSandbox("old"),
    ];
    agent.orphans.push("orphan");
    const care = agent.start({});
    await eventually("the old one to go", () => !existsSync(old));
    expect([existsSync(running), existsSync(orphan)]).toEqual([true, true]);
    agent.orphans.pop();
    await eventually("the orphan's to go", () => !existsSync(orphan));
    // A removal is counted when it is over, which is after the directory is gone.
    await eventually("both to be counted", () => care.metrics()["gc/path_removals_succeeded"] === 2);
    // The age of the other counts from its end.
    agent.runs.delete("running");
    await eventually("its end to be noticed", () => care.metrics()["gc/path_removals_pending"] === 1);
    expect(existsSync(running)).toBe(true);
  });

  test("log files stay small while containers write, each as its task asked, and also at the end", async () => {
    await using agent = new FakeAgent();
    const [plain, own] = [
      agent.add("plain"),
      agent.add("own", { loggerVariables: [["CONTAINER_LOGGER_MAX_STDERR_SIZE", "8KB"]] }),
    ];
    const output = { maxBytes: 64 * KIB, parts: 1 };
    agent.start({ outputs: { stdout: output, stderr: output } });
    for (const sandbox of [plain, own]) writeFileSync(join(sandbox, "stderr"), "x".repeat(20 * KIB));
    writeFileSync(join(plain, "stdout"), "x".repeat(1024 * KIB));
    const size = (path: string): number => statSync(path).size;
    await eventually(
      "both to be rotated",
      () => existsSync(`${own}/stderr.1`) && existsSync(`${plain}/stdout.1`),
    );
    expect([size(`${own}/stderr`) < 8 * KIB, size(`${own}/stderr.1`)]).toEqual([true, 8 * KIB]);
    expect(size(`${plain}/stderr`)).toBe(20 * KIB);
    expect(readdirSync(plain).sort()).toEqual(["stderr", "stdout", "stdout.1"]);
    // What it wrote just before its end.
    writeFileSync(join(own, "stdout"), "x".repeat(1024 * KIB));
    agent.runs.delete("own");
    await eventually("its last output to be rotated", () => existsSync(`${own}/stdout.1`));
    expect(size(`${own}/stdout`)).toBeLessThanOrEqual(64 * KIB);
  });

  test("a task that began and ended between two looks is looked at all the same", async () => {
    await using agent = new FakeAgent();
    const output = { maxBytes: 64 * KIB, parts: 1 };
    const care = agent.start({ outputs: { stdout: output, stderr: output } });
    const sandbox = agent.add("quick");
    writeFileSync(join(sandbox, "stdout"), "x".repeat(1024 * KIB));
    // In one go, so that no look comes in between.
    care.exited("quick");
    agent.runs.delete("quick");
    await eventually("its output to be rotated", () => existsSync(`${sandbox}/stdout.1`));
    expect(statSync(sandbox).mtimeMs).toBeGreaterThan(1_000);
  });

  test("of a pod with too much on disk all containers end", async () => {
    await using agent = new FakeAgent();
    const sandbox = agent.add("pod", { diskBytes: 64 * KIB });
    const run = agent.runs.get("pod") as SandboxRun;
    agent.runs.set("pod", { ...run, members: ["pod.a", "pod.b"] });
    writeFileSync(join(sandbox, "data"), "x".repeat(128 * KIB));
    agent.start({ diskQuotaIntervalMs: 20 });
    await eventually("both to be ended", () => agent.killed.length >= 2);
    expect(agent.killed.slice(0, 2).map(([id]) => id)).toEqual(["pod.a", "pod.b"]);
  });

  test("ends who has more on disk than it asked for, in the sandbox or a volume; nobody else", async () => {
    await using agent = new FakeAgent();
    const volume = join(agent.workDir, "volume");
    mkdirSync(volume);
    const [greedy, modest, free, keeper] = [
      agent.add("greedy", { diskBytes: 1024 * KIB }),
      agent.add("modest", { diskBytes: 1024 * KIB, volumes: [{ path: volume, bytes: 4096 * KIB }] }),
      agent.add("free"),
      agent.add("keeper", { diskBytes: 64 * KIB, volumes: [{ path: volume, bytes: 512 * KIB }] }),
    ];
    for (const sandbox of [greedy, free, volume])
      writeFileSync(join(sandbox, "data"), "x".repeat(2048 * KIB));
    // Links are not followed, and holes take no room.
    symlinkSync(volume, join(modest, "volume"));
    writeFileSync(join(modest, "sparse"), "");
    truncateSync(join(modest, "sparse"), 1024 ** 3);
    writeFileSync(join(keeper, "small"), "x");
    const care = agent.start({ diskQuotaIntervalMs: 20 });
    await eventually("two to be ended", () => agent.killed.length === 2);
    const [first, second] = agent.killed.toSorted(([a], [b]) => a.localeCompare(b));
    expect(first?.[0]).toBe("greedy");
    expect(first?.[1]).toMatchObject({ resource: "disk", limitBytes: 1024 * KIB });
    expect(first?.[1]?.message).toMatch(/^Disk usage \(\d+[KM]?B\) exceeds quota \(1MB\)$/);
    expect([second?.[0], second?.[1]?.limitBytes]).toEqual(["keeper", 512 * KIB]);
    await eventually("the next round", () => care.diskStatistics("greedy") === undefined);
    expect(care.diskStatistics("modest")?.disk_limit_bytes).toBe(1024 * KIB);
    expect(care.diskStatistics("modest")?.disk_used_bytes).toBeLessThan(64 * KIB);
    expect(care.diskStatistics("free")).toBeUndefined();
    expect(agent.killed.length).toBe(2);
  });

  test("with projects of XFS their quotas tell; who has more is ended only when that is asked for", async () => {
    for (const kills of [false, true]) {
      await using agent = new FakeAgent();
      const volumes = [{ path: "/nowhere", bytes: 1 }];
      // It asked for less than its pod has, whose quota counts.
      const [greedy] = [agent.add("greedy", { diskBytes: 9, volumes }), agent.add("free")];
      const usage = (directory: string) =>
        directory === greedy ? { usedBytes: 65, limitBytes: 64 } : undefined;
      const projectQuotas = { projects: [{ begin: 1, end: 9 }], kills, headroomBytes: 1 };
      const care = agent.start({ diskQuotaIntervalMs: 20, projectQuotas }, { usage });
      if (kills) {
        await eventually("it to be ended", () => agent.killed.length > 0);
        expect(agent.killed.map(([id, limitation]) => [id, limitation?.message])).toEqual([
          ["greedy", "Disk usage (65B) exceeds quota (64B)"],
        ]);
        continue;
      }
      await eventually("a round", () => care.diskStatistics("greedy") !== undefined);
      expect(care.diskStatistics("greedy")).toEqual({ disk_limit_bytes: 64, disk_used_bytes: 65 });
      expect(care.diskStatistics("free")).toBeUndefined();
      expect(agent.killed).toEqual([]);
    }
  });
});
