import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runScenario } from "./scenario-runner.ts";

const FOLDER = join(import.meta.dir, "scenarios");

for (const file of readdirSync(FOLDER).sort()) {
  test(file, () => {
    const path = join(FOLDER, file);
    const text = readFileSync(path, "utf8");
    const now = runScenario(text);
    if (Bun.env["MESH_REWRITE"] === "1") writeFileSync(path, now);
    else expect(now).toBe(text);
  });
}
