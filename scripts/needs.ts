/**
 * Debian packages that parts of the tests need: scripts/needs lists them, this
 * installs what is missing where it may (root, apt-get) and says what to
 * install where it may not.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";

/** Another program may hold the package lock for a while. */
const LOCK_TIMEOUT_S = 300;

interface Need {
  readonly part: string;
  /** A command on PATH, or an absolute path that may hold `*`. */
  readonly proof: string;
  readonly debianPackage: string;
}

/** The lines of scripts/needs. */
function readNeeds(): Need[] {
  return readFileSync(join(import.meta.dir, "needs"), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => {
      const [part = "", proof = "", debianPackage = ""] = line.split("|").map((field) => field.trim());
      return { part, proof, debianPackage };
    });
}

function isThere(need: Need): boolean {
  if (!need.proof.startsWith("/")) return Bun.which(need.proof) !== null;
  return new Glob(need.proof.slice(1)).scanSync({ cwd: "/", onlyFiles: false }).next().done !== true;
}

async function aptGet(...words: string[]): Promise<number> {
  const child = Bun.spawn(["apt-get", "-o", `DPkg::Lock::Timeout=${LOCK_TIMEOUT_S}`, ...words], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return await child.exited;
}

/** Makes the needs of the named parts present; what stays missing shows as failures of that part. */
export async function installNeeds(parts: readonly string[]): Promise<void> {
  const missing = readNeeds().filter((need) => parts.includes(need.part) && !isThere(need));
  const packages = [...new Set(missing.map((need) => need.debianPackage))];
  if (packages.length === 0) return;
  const list = packages.join(" ");
  if (process.getuid?.() !== 0 || Bun.which("apt-get") === null) {
    console.log(`Missing for some tests: run "apt-get install ${list}" as root`);
    return;
  }
  console.log(`Installing Debian packages: ${list}`);
  await aptGet("-q", "update");
  const status = await aptGet("-q", "-y", "--no-install-recommends", "install", ...packages);
  if (status !== 0)
    console.log(`Cannot install ${list}: apt-get ended with ${status}; tests that need them fail`);
}
