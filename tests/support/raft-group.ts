/** Masters of this process on real ports and disks, for tests of how they come together and part. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import type { Logger } from "../../src/io/logger.ts";
import { type RunningMaster, startMaster } from "../../src/main/master.ts";
import type { RaftStatus } from "../../src/master/port.ts";

const TIMEOUT_MS = 10_000;
const POLL_MS = 10;

/** Resolves with the first answer that is not undefined or false. */
export async function until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const answer = await probe().catch(() => undefined);
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`Waited ${TIMEOUT_MS} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export interface GroupMaster {
  readonly http: string;
  /** May change while it does not run. */
  raft: string;
  readonly directory: string;
  /** Lines logged so far: message and fields. */
  readonly log: string[];
  running: RunningMaster | undefined;
}

export class RaftGroup implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), "mesh-group-"));
  readonly masters: GroupMaster[] = [];

  /** A place for one more master; nothing runs there yet. */
  place(): GroupMaster {
    const [http, raft] = [`127.0.0.1:${freePort()}`, `127.0.0.1:${freePort()}`];
    const directory = join(this.directory, `m${this.masters.length}`);
    const master: GroupMaster = { http, raft, directory, log: [], running: undefined };
    this.masters.push(master);
    return master;
  }

  async start(
    master: GroupMaster,
    how: {
      readonly peers?: readonly string[];
      readonly join?: readonly string[];
      readonly aloneListenMs?: number;
      readonly cluster?: string;
    },
  ): Promise<void> {
    const cluster = how.cluster ?? "test";
    master.running = await startMaster(
      {
        ip: "127.0.0.1",
        port: portOf(master.http),
        raftPort: portOf(master.raft),
        advertise: undefined,
        dataDir: master.directory,
        peers: how.peers ?? [],
        join: how.join ?? [],
        aloneListenMs: how.aloneListenMs,
        cluster,
        settings: {},
        effective: { cluster },
        directoryFlag: "--data-dir",
      },
      recorder(master.log),
    );
  }

  async stop(master: GroupMaster): Promise<void> {
    await master.running?.stop();
    master.running = undefined;
  }

  /** Takes everything from its disk. */
  wipe(master: GroupMaster): void {
    rmSync(master.directory, { recursive: true, force: true });
  }

  /** Gives it another raft port. */
  move(master: GroupMaster): void {
    master.raft = `127.0.0.1:${freePort()}`;
  }

  /** Three masters with the same --peers, and a leader among them. */
  async startThree(): Promise<readonly [GroupMaster, GroupMaster, GroupMaster]> {
    const three = [this.place(), this.place(), this.place()] as const;
    const peers = three.map((master) => master.raft);
    for (const master of three) await this.start(master, { peers });
    await this.leader();
    return three;
  }

  /** The one that leads and has committed an entry of its term. */
  async leader(): Promise<GroupMaster> {
    return until("a leader", async () => {
      for (const master of this.masters) {
        if (master.running === undefined) continue;
        const status = await raftStatus(master);
        if (status.role === "leader" && status.commitIndex > 1) return master;
      }
      return undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.masters.map((master) => this.stop(master)));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export async function raftStatus(master: GroupMaster): Promise<RaftStatus> {
  const response = await fetch(`http://${master.http}/mesh/raft`);
  return (await response.json()) as RaftStatus;
}

/** Asks one master for a change; it redirects to the leader. A new leader is given a moment. */
export async function raftChange(
  master: GroupMaster,
  action: string,
  body: object,
): Promise<{ readonly status: number; readonly text: string }> {
  return until(`an answer to ${action}`, async () => {
    const response = await fetch(`http://${master.http}/mesh/raft/${action}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    const answer = { status: response.status, text: await response.text() };
    return answer.status !== 503 && answer;
  });
}

function portOf(address: string): number {
  return Number(address.split(":")[1]);
}

function recorder(lines: string[]): Logger {
  const write = (message: string, fields: object = {}): void =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const log = { debug() {}, info: write, warn: write, error: write };
  return { log, verbosity: { level: () => 0, set() {} }, file: undefined, close() {} };
}
