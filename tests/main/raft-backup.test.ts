/** Backup and restore with real masters, and the commands operators type. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BackupReader } from "../../src/io/backup-file.ts";
import { createLogger } from "../../src/io/logger.ts";
import { type RunningMaster, startMaster } from "../../src/main/master.ts";
import { restoreBackup, takeBackup } from "../../src/main/raft-backup.ts";
import type { RaftStatus } from "../../src/master/port.ts";
import { encodeFrame } from "../../src/wire/frame.ts";
import { encodeMsgpack } from "../../src/wire/msgpack.ts";

const directory = mkdtempSync(join(tmpdir(), "mesh-backup-"));
const running: RunningMaster[] = [];
afterAll(async () => {
  for (const master of running) await master.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function start(dataDir: string, join: readonly string[] = []): Promise<RunningMaster> {
  const logger = createLogger({ name: "master", level: "error" });
  const master = await startMaster(
    {
      ip: "127.0.0.1",
      port: 0,
      raftPort: 0,
      advertise: undefined,
      dataDir,
      peers: [],
      join,
      cluster: "mesh",
      settings: {},
      effective: {},
      directoryFlag: "--data-dir",
    },
    logger,
  );
  running.push(master);
  return master;
}

async function stop(master: RunningMaster): Promise<void> {
  running.splice(running.indexOf(master), 1);
  await master.stop();
}

/** The framework ids of the master, once it leads. */
async function frameworks(url: string): Promise<string[]> {
  const { status, body } = await eventually(async () => {
    const response = await fetch(`${url}/master/state`);
    return { status: response.status, body: (await response.json().catch(() => ({}))) as StateBody };
  });
  expect(status).toBe(200);
  return (body.frameworks ?? []).map((framework) => framework.id);
}
interface StateBody {
  readonly frameworks?: readonly { readonly id: string }[];
}

async function eventually<T extends { readonly status: number }>(ask: () => Promise<T>): Promise<T> {
  for (let answer = await ask(); ; answer = await ask()) if (answer.status === 200) return answer;
}

/** A framework that stays: its stream is closed, and its failover timeout is long. */
async function subscribe(url: string): Promise<void> {
  const framework_info = { user: "u", name: "n", failover_timeout: 1e6 };
  const ask = (): Promise<Response> =>
    fetch(`${url}/api/v1/scheduler`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ type: "SUBSCRIBE", subscribe: { framework_info } }),
    });
  // A leader that has not applied its log yet answers 503.
  const response = await eventually(ask);
  const reader = response.body?.getReader();
  for (let text = ""; reader !== undefined && !text.includes("SUBSCRIBED"); ) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The stream ended after '${text}'`);
    text += Buffer.from(value).toString();
  }
  expect(await frameworks(url)).toHaveLength(1);
  await reader?.cancel();
}

test("a backup of a running master becomes the first master of a new cluster", async () => {
  const first = await start(join(directory, "first"));
  const file = join(directory, "mesh.backup");
  await frameworks(first.url);
  await subscribe(first.url);
  const before = await frameworks(first.url);
  expect(before.length).toBe(1);
  await takeBackup({ masters: [new URL(first.url).host], file });

  const restored = join(directory, "restored");
  await restoreBackup({ file, dataDir: restored, address: "127.0.0.1:5060" });
  const second = await start(restored);
  expect(await frameworks(second.url)).toEqual(before);

  const again = restoreBackup({ file, dataDir: restored, address: "127.0.0.1:5060" });
  await expect(again).rejects.toThrow(/is not empty; choose another --data-dir/);
});

/** Its raft status, once it leads and holds a registry. */
async function leads(url: string): Promise<RaftStatus> {
  for (;;) {
    const status = (await (await fetch(`${url}/mesh/raft`)).json()) as RaftStatus;
    if (status.role === "leader" && status.appliedIndex > 0) return status;
    await Bun.sleep(10);
  }
}

test("a restored cluster's terms are above all of before: agents ignore masters of lower ones", async () => {
  const old = join(directory, "old-terms");
  const file = join(directory, "terms.backup");
  const startAgain = async (): Promise<RunningMaster> => {
    const master = await start(old);
    await leads(master.url);
    return master;
  };
  let master = await startAgain();
  await stop(master);
  master = await startAgain();
  await takeBackup({ masters: [new URL(master.url).host], file });
  // The cluster goes on after its backup.
  for (let elections = 0; elections < 3; elections++) {
    await stop(master);
    master = await startAgain();
  }
  const { term } = await leads(master.url);
  const restored = join(directory, "new-terms");
  await restoreBackup({ file, dataDir: restored, address: "127.0.0.1:5060" });
  const second = await start(restored);
  const after = await leads(second.url);
  expect(after.term).toBeGreaterThan(term);
  // So is a cluster that is restored from what was restored.
  await takeBackup({ masters: [new URL(second.url).host], file });
  const again = join(directory, "newest-terms");
  await restoreBackup({ file, dataDir: again, address: "127.0.0.1:5060" });
  expect((await leads((await start(again)).url)).term).toBeGreaterThan(after.term);
});

test("a version of a note that the old cluster gave after its backup is given to no other value", async () => {
  const put = async (url: string, value: string, headers: Record<string, string> = {}) => {
    for (;;) {
      const { status, headers: answered } = await fetch(`${url}/mesh/notes/x`, {
        method: "PUT",
        body: value,
        headers,
      });
      // A leader that has not applied its log yet answers 503.
      if (status !== 503) return { status, version: answered.get("ETag") ?? "" };
    }
  };
  for (const before of [0, 2]) {
    const file = join(directory, `notes-${before}.backup`);
    const old = await start(join(directory, `old-notes-${before}`));
    await leads(old.url);
    for (let n = 0; n < before; n++) expect((await put(old.url, `${n}`)).status).toBe(200);
    await takeBackup({ masters: [new URL(old.url).host], file });
    const { status, version } = await put(old.url, "after the backup");
    expect(status).toBe(200);
    const dataDir = join(directory, `new-notes-${before}`);
    await restoreBackup({ file, dataDir, address: "127.0.0.1:5060" });
    const { url } = await start(dataDir);
    await leads(url);
    expect((await put(url, "of the new cluster")).status).toBe(200);
    expect((await put(url, "lost", { "If-Match": version })).status).toBe(412);
    const note = await fetch(`${url}/mesh/notes/x`);
    expect(await note.text()).toBe("of the new cluster");
    const newest = note.headers.get("ETag") ?? "";
    expect((await put(url, "changed", { "If-Match": newest })).status).toBe(200);
  }
});

test("a backup of before terms were noted in it is read", () => {
  const body = encodeMsgpack(["mesh-backup", 1, "mesh", 7, 3, 1_000]);
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setUint32(0, Bun.hash.crc32(body));
  frame.set(body, 4);
  const reader = new BackupReader();
  expect(reader.push(encodeFrame(frame)).ok).toBe(true);
  expect(reader.header).toEqual({ cluster: "mesh", index: 7, featureLevel: 3, takenAtMs: 1_000, term: 0 });
});

test("a master that holds nothing yet gives no backup: another one is asked, the file stays", async () => {
  const waiting = new URL((await start(join(directory, "waiting"), ["127.0.0.1:1"])).url).host;
  const file = join(directory, "kept.backup");
  writeFileSync(file, "of yesterday");
  await expect(takeBackup({ masters: [waiting], file })).rejects.toThrow(
    /answered 503: Failed to back up: this master holds no registry yet/,
  );
  expect(readFileSync(file, "utf8")).toBe("of yesterday");
  const first = await start(join(directory, "holds"));
  await leads(first.url);
  await takeBackup({ masters: [waiting, new URL(first.url).host], file });
  expect(readFileSync(file).length).toBeGreaterThan(50);
});

test("a file that is no whole backup is refused, and leaves no directory behind", async () => {
  const file = join(directory, "bad.backup");
  const target = join(directory, "target");
  const good = readFileSync(join(directory, "mesh.backup"));
  const flipped = Uint8Array.from(good);
  flipped[good.length - 30] = (flipped[good.length - 30] ?? 0) ^ 1;
  const cases: [Uint8Array, RegExp][] = [
    [good.subarray(0, good.length - 12), /is not whole/],
    [flipped, /damaged|no backup/],
    [Buffer.from("#!/bin/sh\necho not a backup at all\n"), /no backup of mesh/],
    [new Uint8Array(0), /is not whole/],
  ];
  for (const [content, reason] of cases) {
    writeFileSync(file, content);
    await expect(restoreBackup({ file, dataDir: target, address: "a:1" })).rejects.toThrow(reason);
  }
  mkdirSync(target);
});

test("a master that cannot be reached is named", async () => {
  const file = join(directory, "none.backup");
  await expect(takeBackup({ masters: ["127.0.0.1:1"], file })).rejects.toThrow(
    /127\.0\.0\.1:1 cannot be reached/,
  );
});

test("what cannot be written is said in one sentence, and nothing is left", async () => {
  const masters = [new URL((await start(join(directory, "whole"))).url).host];
  await leads(`http://${masters[0]}`);
  mkdirSync(join(directory, "place"));
  const onDirectory = takeBackup({ masters, file: join(directory, "place") });
  await expect(onDirectory).rejects.toMatchObject({
    code: "BACKUP_UNUSABLE",
    message: expect.stringMatching(
      /^Cannot write the backup '.*\/place': .*; name a file that can be written$/,
    ),
  });
  expect(readdirSync(directory).filter((name) => name.endsWith(".part"))).toEqual([]);
  const file = join(directory, "mesh.backup");
  const notThere = restoreBackup({ file, dataDir: "/proc/none", address: "a:1" });
  await expect(notThere).rejects.toMatchObject({
    code: "BACKUP_UNUSABLE",
    message: expect.stringMatching(/^Cannot restore into '\/proc\/none': .*; choose another --data-dir$/),
  });
});

test("a master that breaks off is said so", async () => {
  const broken = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket) => {
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
      },
    },
  });
  const taken = takeBackup({ masters: [`127.0.0.1:${broken.port}`], file: join(directory, "broken") });
  await expect(taken).rejects.toThrow("Cannot take a backup: the master broke off; try again");
  broken.stop(true);
});
