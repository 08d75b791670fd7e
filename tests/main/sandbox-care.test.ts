import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SandboxPort, SandboxRun } from "../../src/agent/port.ts";
import { silentLog } from "../../src/base/log.ts";
import { SandboxCare } from "../../src/main/sandbox-care.ts";
import { DEFAULT_SANDBOX_SETTINGS, type SandboxSettings } from "../../src/main/sandbox-flags.ts";
import { eventually } from "../e2e/test-cluster.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** An agent as far as its sandboxes are concerned. */
class FakeAgent implements SandboxPort, AsyncDisposable {
  readonly workDir = mkdtempSync(join(tmpdir(), "mesh-care-"));
  readonly runs = new Map<string, SandboxRun>();
  readonly orphans: string[] = [];
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

  start(settings: Partial<SandboxSettings>): SandboxCare {
    this.#care = new SandboxCare({
      port: this,
      workDir: this.workDir,
      runtime: { listOrphans: async () => this.orphans },
      settings: { ...DEFAULT_SANDBOX_SETTINGS, diskWatchIntervalMs: 20, ...settings },
      log: silentLog,
      lookIntervalMs: 10,
    });
    this.#care.start();
    return this.#care;
  }

  sandboxRuns(): readonly SandboxRun[] {
    return [...this.runs.values()];
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
    expect(care.metrics()["gc/path_removals_succeeded"]).toBe(2);
    // The age of the other counts from its end.
    agent.runs.delete("running");
    await eventually("its end to be noticed", () => care.metrics()["gc/path_removals_pending"] === 1);
    expect(existsSync(running)).toBe(true);
  });
});
