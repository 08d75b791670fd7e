/** Debian's mesos-go, unmodified, as an executor whose root file system is an image (IMG-14). */
import { beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, TestCluster } from "../e2e/test-cluster.ts";
import { mayRun } from "../support/must-run.ts";
import type { TarEntry } from "../support/tar-writer.ts";
import { makeImage } from "../support/test-image.ts";
import { TestRegistry } from "../support/test-registry.ts";
import { ExecutorScheduler } from "./executor-scheduler.ts";
import { buildMesosGoClient } from "./mesos-go/build.ts";

const BUSYBOX = ["/usr/bin/busybox", "/bin/busybox"].find((path) => existsSync(path));
const possible = process.getuid?.() === 0 && BUSYBOX !== undefined;
/** A build that finds nothing cached, on a busy machine. */
const BUILD_TIMEOUT_MS = 600_000;
let program = "";

beforeAll(async () => {
  if (possible) program = await buildMesosGoClient();
}, BUILD_TIMEOUT_MS);

test.skipIf(!mayRun(possible))(
  "an executor in an image runs its tasks there, and returns to its agent",
  async () => {
    const tool = (name: string): TarEntry => ({ name, type: "symlink", link: "/bin/busybox" });
    const layer: TarEntry[] = [
      { name: "bin/busybox", mode: 0o755, content: readFileSync(BUSYBOX ?? "") },
      ...["bin/sh", "bin/sleep", "bin/ls"].map(tool),
      { name: "executor", mode: 0o755, content: readFileSync(program) },
    ];
    const registry = new TestRegistry();
    registry.add("executor", "1", makeImage({ layers: [layer], config: { Entrypoint: ["/executor"] } }));
    await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
    await using framework = new ExecutorScheduler(cluster.masterAddresses, {
      command: { shell: false, arguments: ["executor"] },
      container: {
        type: "MESOS",
        mesos: { image: { type: "DOCKER", docker: { name: `${registry.host}/executor:1` } } },
      },
    });
    const last = (id: string) => framework.states(id).at(-1);
    try {
      await framework.launch(
        "looks",
        'ls / >"$MESOS_SANDBOX/seen"; test "$MESOS_SANDBOX" = /mnt/mesos/sandbox',
      );
      await framework.launch("waits", 'until [ -e "$MESOS_SANDBOX/go" ]; do sleep 0.1; done');
      await framework.launch("long", "sleep 300");
      await eventually("the first task to end", () => last("looks") === "TASK_FINISHED");
      await eventually(
        "the others to run",
        () => last("waits") === "TASK_RUNNING" && last("long") === "TASK_RUNNING",
      );
      const [seen = ""] = [...new Bun.Glob("a0/**/runs/*/seen").scanSync({ cwd: cluster.directory })];
      const roots = readFileSync(join(cluster.directory, seen), "utf8").trim().split("\n");
      expect(roots).toEqual(["bin", "dev", "etc", "executor", "mnt", "proc", "sys"]);

      const [agent] = cluster.agents;
      await agent?.kill("SIGKILL");
      await Bun.write(join(cluster.directory, seen, "../go"), "");
      agent?.start();
      await eventually("the end that nobody could hear", () => last("waits") === "TASK_FINISHED");
      await framework.shutdown();
      await eventually("the executor to have ended", () => framework.failures.length === 1);
      expect(framework.failures[0]).toMatchObject({ executor_id: { value: "e" }, status: 7 * 256 });
      const files = join(cluster.directory, "a0/images/containers");
      await eventually(
        "its files to go",
        () => [...new Bun.Glob("*").scanSync({ cwd: files, onlyFiles: false })].length === 0,
      );
    } catch (error) {
      console.error([...framework.told], framework.failures, cluster.logTails());
      throw error;
    } finally {
      await registry.stop();
    }
  },
  240_000,
);
