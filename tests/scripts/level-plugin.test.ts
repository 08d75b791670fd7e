import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { levelPlugin } from "../../scripts/level-plugin.ts";

test("a compiled program reads and writes its database from an empty directory", async () => {
  const root = mkdtempSync(join(tmpdir(), "mesh-level-"));
  try {
    const built = await Bun.build({
      entrypoints: [join(import.meta.dir, "../fixtures/level-hello.ts")],
      target: "bun",
      plugins: [levelPlugin(`${process.platform}-${process.arch}`)],
      compile: { outfile: join(root, "hello") },
    });
    expect(built.logs).toEqual([]);
    const empty = join(root, "empty");
    mkdirSync(empty);
    renameSync(join(root, "hello"), join(empty, "hello"));
    const run = () => Bun.spawnSync(["./hello"], { cwd: empty, env: {} });
    expect(run().stdout.toString()).toBe("1\n");
    expect(run().stdout.toString()).toBe("2\n");
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test("a target without an addon is refused", () => {
  expect(() => levelPlugin("plan9-mips")).toThrow('addon for "plan9-mips": it knows none');
});
