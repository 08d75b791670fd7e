/** `mesh dev`: a master and an agent in one process, for first steps and for tests of frameworks. */
import { join, resolve } from "node:path";
import { directFetch } from "../io/direct-fetch.ts";
import { createLogger } from "../io/logger.ts";
import { readIsolation, startAgent } from "./agent.ts";
import type { Flags } from "./flags.ts";
import { DEFAULT_IMAGE_SETTINGS } from "./image-flags.ts";
import { startMaster } from "./master.ts";
import { logLevel, stopSignal } from "./process.ts";
import { makeWorkDirectory, removeNewDirectory } from "./work-directory.ts";

const DEV_CLUSTER = "dev";
/** A master that is alone leads at once, unless its log is long; the agent goes on asking. */
const LEADS_WITHIN_MS = 10_000;
const LEADS_POLL_MS = 10;

export async function runDev(flags: Flags): Promise<number> {
  const directory = resolve(flags.text("dir"));
  const level = logLevel(flags);
  const ip = flags.ip("ip");
  const isolate = readIsolation(flags);
  flags.refuseEqualPorts("port", "raft-port", "agent-port");
  const made = makeWorkDirectory(directory, "--dir");
  const started = { whole: false };
  try {
    return await runIn(directory, flags, { level, ip, isolate }, started);
  } catch (error) {
    if (!started.whole) await removeNewDirectory(made, join(directory, "master"));
    throw error;
  }
}

async function runIn(
  directory: string,
  flags: Flags,
  {
    level,
    ip,
    isolate,
  }: { readonly level: ReturnType<typeof logLevel>; readonly ip: string; readonly isolate: boolean },
  started: { whole: boolean },
): Promise<number> {
  const master = await startMaster(
    {
      ip,
      port: flags.port("port"),
      raftPort: flags.port("raft-port"),
      advertise: undefined,
      dataDir: join(directory, "master"),
      peers: [],
      join: [],
      aloneListenMs: 0,
      cluster: DEV_CLUSTER,
      settings: {},
      effective: { ...flags.effective(), cluster: DEV_CLUSTER },
      directoryFlag: "--dir",
    },
    createLogger({ name: "master", level }),
  );
  try {
    await leads(master.url);
    const agent = await startAgent(
      {
        masters: [new URL(master.url).host],
        ip,
        port: flags.port("agent-port"),
        advertise: undefined,
        hostname: undefined,
        workDir: join(directory, "agent"),
        resources: flags.optional("resources"),
        defaultRole: "*",
        attributes: flags.optional("attributes"),
        isolate,
        images: DEFAULT_IMAGE_SETTINGS,
        effective: flags.effective(),
        portFlag: "--agent-port",
        directoryFlag: "--dir",
      },
      createLogger({ name: "agent", level }),
    );
    started.whole = true;
    console.log(welcome(master.url, agent.url, directory, new URL(master.url).host));
    const outcome = await Promise.race([stopSignal(), agent.agent.ended, master.failed]);
    await agent.stop();
    if (typeof outcome === "string") return 0;
    process.stderr.write(`mesh: ${outcome instanceof Error ? outcome.message : outcome.reason}\n`);
    return 1;
  } finally {
    await master.stop();
  }
}

/** Until the master leads, so that its agent need not look for a leader twice. */
async function leads(url: string): Promise<void> {
  const endMs = performance.now() + LEADS_WITHIN_MS;
  while (performance.now() < endMs) {
    const answer = await directFetch(`${url}/mesh/leader`).catch(() => undefined);
    if (answer?.status === 200) return;
    await Bun.sleep(LEADS_POLL_MS);
  }
}

function welcome(master: string, agent: string, directory: string, address: string): string {
  const flag = address === "127.0.0.1:5050" ? "" : ` --master ${address}`;
  return [
    `master   ${master}/state`,
    `agent    ${agent}/state`,
    `data     ${directory}`,
    "",
    `Run something:  mesh run${flag} -- sh -c 'echo hello from $(hostname)'`,
    "Stop with Ctrl-C; tasks that run are found again at the next start in the same directory.",
  ].join("\n");
}
