import { expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createFetcher } from "../../../src/io/fetcher.ts";
import { LinuxMachine } from "../../support/linux-machine.ts";

const ROOT = process.getuid?.() === 0;

test("a fetched program runs from the sandbox, and belongs to the task's user", async () => {
  const machine = new LinuxMachine("all");
  chmodSync(machine.directory, 0o755);
  const program = join(machine.directory, "program");
  writeFileSync(program, "#!/bin/sh\necho fetched by $(id -u)\n", { mode: 0o644 });
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(Bun.file(program)) });
  const runtime = machine.open(createFetcher());
  const ended = Promise.withResolvers<void>();
  runtime.onExit(() => ended.resolve());
  const sandbox = machine.sandbox("c1");
  const launched = await runtime.launch({
    containerId: "c1",
    sandbox,
    command: { kind: "exec", file: "./bin/program", argv: ["./bin/program"] },
    environment: [["PATH", "/usr/bin:/bin"]],
    ...(ROOT ? { user: "nobody" } : {}),
    stdoutName: "stdout",
    stderrName: "stderr",
    uris: [
      { value: program, executable: false, extract: true, outputFile: "copy" },
      {
        value: `http://127.0.0.1:${server.port}/x`,
        executable: true,
        extract: false,
        outputFile: "bin/program",
      },
    ],
    resources: { cpusMilli: 100, memBytes: 1 << 25, diskBytes: 0 },
    isolation: { namespaces: ["pid", "mount", "ipc", "uts"], cgroup: true },
  });
  expect(launched).toMatchObject({ ok: true });
  await ended.promise;
  const uid = ROOT ? 65534 : process.getuid?.();
  expect(readFileSync(join(sandbox, "stdout"), "utf8")).toBe(`fetched by ${uid}\n`);
  for (const name of ["copy", "bin", "bin/program"])
    expect(statSync(join(sandbox, name)).uid).toBe(uid ?? -1);
  await runtime.cleanup("c1");
  await runtime.close();
  await server.stop(true);
  await machine.close();
});
