/**
 * Builds the Go program of this folder with Debian's Go against Debian's
 * mesos-go, without a network. The result is kept below .tools/ by the hash of
 * all that goes into it: the first build takes a minute, the next ones none.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

const SOURCE = import.meta.dir;
const TOOLS = resolve(SOURCE, "../../../.tools/mesos-go");
/** Debian's; another one on PATH may be too new for GOPATH mode. */
const GO = "/usr/bin/go";
const GOPATH = "/usr/share/gocode";
const PACKAGES = ["golang-github-mesos-mesos-go-dev", "golang-github-gogo-protobuf-dev"];

/** Path of the program. Throws with the compiler's words when it cannot be built. */
export async function buildMesosGoClient(): Promise<string> {
  const folder = join(TOOLS, await contentHash());
  const program = join(folder, "mesos-go-client");
  if (existsSync(program)) return program;
  mkdirSync(TOOLS, { recursive: true });
  const building = mkdtempSync(join(TOOLS, "building-"));
  try {
    const go = Bun.spawn([GO, "build", "-o", join(building, "mesos-go-client"), "."], {
      cwd: SOURCE,
      env: {
        ...process.env,
        ...{ GO111MODULE: "off", GOPATH, GOFLAGS: "", GOPROXY: "off", GOTOOLCHAIN: "local" },
        ...{ CGO_ENABLED: "0", GOCACHE: join(TOOLS, "build-cache") },
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [trouble, status] = await Promise.all([new Response(go.stderr).text(), go.exited]);
    if (status !== 0) throw new Error(`${GO} build ended with ${status}: ${trouble}`);
    // Another run may have put the same program there meanwhile.
    if (!existsSync(folder)) renameSync(building, folder);
    return program;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

async function contentHash(): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for (const name of readdirSync(SOURCE).sort()) {
    if (name.endsWith(".go")) hash.update(`${name}\n`).update(readFileSync(join(SOURCE, name)));
  }
  hash.update(await output([GO, "version"]));
  hash.update(await output(["dpkg-query", "--show", ...PACKAGES]));
  return hash.digest("hex").slice(0, 16);
}

async function output(command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdio: ["ignore", "pipe", "pipe"] });
  const [text, trouble, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (status !== 0) throw new Error(`${command.join(" ")} ended with ${status}: ${trouble}`);
  return text;
}
