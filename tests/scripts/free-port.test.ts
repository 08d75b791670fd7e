import { expect, test } from "bun:test";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import { ROOT } from "../support/source-text.ts";

test.skipIf(process.platform !== "linux")("no other process gets a port that nothing listens on yet", () => {
  const port = freePort();
  // All of its draws fall on that port.
  const program = `
    Math.random = () => (${port} - 9_999.5) / 21_000;
    const { freePort } = await import(${JSON.stringify(join(ROOT, "scripts/free-port.ts"))});
    console.log(freePort());
  `;
  const other = Bun.spawnSync([process.execPath, "-e", program]);
  expect(other.stdout.toString()).toBe("");
  expect(other.stderr.toString()).toContain("Cannot find a free TCP port");
});
