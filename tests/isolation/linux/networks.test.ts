/** Containers on networks of their own, with the plugins of Debian, in a network that only this test sees. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mayRun } from "../../support/must-run.ts";
import { checksOf } from "../../vm/machine.ts";

const CHECKS_MIN = 36;
const TIMEOUT_MS = 90_000;

function missing(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "root on Linux";
  if (!existsSync("/usr/lib/cni/bridge")) return "containernetworking-plugins";
  return ["ip", "iptables", "nsenter", "unshare"].find((name) => Bun.which(name) === null);
}

const lacking = missing();
if (lacking !== undefined) console.log(`Networks are not tested: that needs ${lacking}`);

test.skipIf(!mayRun(lacking === undefined))(
  "containers join networks, and give back what they had of them",
  async () => {
    const name = `mesh-cni-${process.pid}`;
    const directory = mkdtempSync(join(tmpdir(), "mesh-cni-"));
    const ip = (...words: string[]) => Bun.spawnSync(["ip", ...words]);
    ip("netns", "add", name);
    try {
      ip("-n", name, "link", "set", "lo", "up");
      const guest = join(import.meta.dir, "networks-guest.ts");
      // Not `ip netns exec`, which would hide the cgroups.
      const command = ["nsenter", `--net=/run/netns/${name}`, process.execPath, guest, directory];
      const run = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"], timeout: TIMEOUT_MS });
      const [output, errors] = await Promise.all([
        new Response(run.stdout).text(),
        new Response(run.stderr).text(),
        run.exited,
      ]);
      const checks = checksOf(output);
      if (checks.some((check) => !check.ok) || !output.includes("checks done")) console.log(output + errors);
      expect(checks.filter((check) => !check.ok)).toEqual([]);
      expect(checks.length).toBeGreaterThanOrEqual(CHECKS_MIN);
      expect(output).toContain("checks done");
    } finally {
      ip("netns", "del", name);
      rmSync(directory, { recursive: true, force: true });
    }
  },
  TIMEOUT_MS,
);
