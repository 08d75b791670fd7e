/** Tests that run a program in a network of its own: what it does there, nobody else sees. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectChecks } from "./guest-checks.ts";
import { mayRun } from "./must-run.ts";

/** Where Debian puts the plugins of container networks. */
export const CNI_PLUGINS = "/usr/lib/cni";

/** Whether tests with the real plugins are run; says why not. */
export function mayJoinNetworks(): boolean {
  const missing = missingForNetworks();
  if (missing !== undefined) console.log(`Networks are not tested: that needs ${missing}`);
  return mayRun(missing === undefined);
}

function missingForNetworks(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "root on Linux";
  if (!existsSync(`${CNI_PLUGINS}/bridge`)) return "containernetworking-plugins";
  return ["ip", "iptables", "nsenter", "unshare"].find((name) => Bun.which(name) === null);
}

/**
 * Runs a guest of guest-checks.ts. Its argument is a directory that is gone afterwards. Fewer checks than
 * `checksMin` mean that it did not do its work.
 */
export async function expectChecksInOwnNetwork(
  guest: string,
  checksMin: number,
  timeoutMs: number,
): Promise<void> {
  const name = `mesh-cni-${process.pid}`;
  const directory = mkdtempSync(join(tmpdir(), "mesh-cni-"));
  const ip = (...words: string[]) => Bun.spawnSync(["ip", ...words]);
  ip("netns", "add", name);
  try {
    ip("-n", name, "link", "set", "lo", "up");
    // Not `ip netns exec`, which would hide the cgroups.
    const command = ["nsenter", `--net=/run/netns/${name}`, process.execPath, guest, directory];
    const run = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs });
    const [output, errors] = await Promise.all([
      new Response(run.stdout).text(),
      new Response(run.stderr).text(),
      run.exited,
    ]);
    // What it saw stands in the error; the rest of what it said may tell how that came.
    try {
      expectChecks(`${output}${errors}`, checksMin);
    } catch (error) {
      console.log(output + errors);
      throw error;
    }
  } finally {
    ip("netns", "del", name);
    rmSync(directory, { recursive: true, force: true });
  }
}
