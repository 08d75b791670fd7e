/** `mesh raft backup` and `mesh raft restore`: the registry into a file, and a new cluster out of one. */
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { MeshError } from "../base/errors.ts";
import { randomUuid, uuidText } from "../base/uuid.ts";
import { type BackupHeader, BackupReader } from "../io/backup-file.ts";
import { directFetch } from "../io/direct-fetch.ts";
import { LevelRaftStore } from "../io/raft-store.ts";
import { bootstrapMembership, encodeMembership } from "../raft/membership.ts";
import type { StateRecord } from "../raft/types.ts";
import { NOTE_VERSION_KEY, noteVersionAhead } from "../registry/note-versions.ts";
import { print } from "./client/output.ts";
import type { Flags } from "./flags.ts";
import { advertisedIp } from "./local-address.ts";
import { systemRandom } from "./process.ts";

const BACKUP_PATH = "/mesh/raft/backup";
const PROBE_TIMEOUT_MS = 3_000;
/**
 * More elections than the old cluster will have held since the backup was taken. Agents ignore masters of a
 * term below the highest that they saw, since such a master was deposed: those of the new cluster must not
 * look like one.
 */
const TERMS_AHEAD = 2 ** 20;

/** Resolves with the exit status. */
export async function runBackup(action: "backup" | "restore", file: string, flags: Flags): Promise<number> {
  if (action === "backup") {
    await takeBackup({ masters: flags.addresses("master", 5050), file });
    return 0;
  }
  const dataDir = flags.optional("data-dir");
  if (dataDir === undefined) {
    throw new MeshError("BAD_FLAG", "Missing the directory: mesh raft restore FILE --data-dir DIR");
  }
  const given = flags.optional("raft-address") === undefined ? [] : flags.addresses("raft-address", 5060);
  await restoreBackup({ file, dataDir, address: given[0] ?? `${advertisedIp("0.0.0.0", [])}:5060` });
  return 0;
}

export interface BackupOptions {
  /** Asked in turn until one gives its registry. */
  readonly masters: readonly string[];
  readonly file: string;
}

/** Writes the backup beside the file first, so that the file is always whole. */
export async function takeBackup({ masters, file }: BackupOptions): Promise<void> {
  const path = resolve(file);
  const answer = await askForBackup(masters);
  const part = `${path}.part`;
  const reader = new BackupReader();
  const unwritable = (error: unknown): never => {
    throw unusable(`Cannot write the backup '${path}': ${textOf(error)}; name a file that can be written`);
  };
  const output = await open(part, "w", 0o600).catch(unwritable);
  try {
    for await (const chunk of wholeOrNot(answer)) {
      const checked = reader.push(chunk);
      if (!checked.ok)
        throw unusable(
          `Cannot take a backup: what the master sent is not whole (${checked.error}); try again`,
        );
      await output.writeFile(chunk).catch(unwritable);
    }
    if (!reader.whole || reader.header === null) throw brokenOff();
    await output.sync().catch(unwritable);
    await output.close();
    await rename(part, path).catch(unwritable);
  } catch (error) {
    await output.close().catch(() => {});
    await rm(part, { force: true });
    throw error;
  }
  const directory = await open(dirname(path));
  await directory.sync();
  await directory.close();
  await print(`Backup of ${reader.keys} keys up to log index ${reader.header.index} is in ${path}`);
}

async function* wholeOrNot(answer: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* answer;
  } catch {
    throw brokenOff();
  }
}

function brokenOff(): MeshError {
  return unusable("Cannot take a backup: the master broke off; try again");
}

export interface RestoreOptions {
  readonly file: string;
  readonly dataDir: string;
  /** Raft address of the master that will start in the directory. */
  readonly address: string;
}

/** Makes the directory that of a new cluster of one master, which others join. */
export async function restoreBackup({ file, dataDir, address }: RestoreOptions): Promise<void> {
  const directory = resolve(dataDir);
  const isThere = await refuseUsed(directory);
  await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    throw unusable(`Cannot restore into '${directory}': ${textOf(error)}; choose another --data-dir`);
  });
  const failure = Promise.withResolvers<never>();
  const store = new LevelRaftStore(directory, failure.reject);
  // A master would wait for room.
  store.onFull = () => failure.reject(noRoom(directory));
  await store.open().catch(async (error: unknown) => {
    // Else another process began in there meanwhile: what is there is its own.
    if (error instanceof MeshError && error.code === "DIRECTORY_UNUSABLE") await empty(directory, !isThere);
    throw error;
  });
  const reader = new BackupReader();
  let header: BackupHeader;
  try {
    header = await Promise.race([load(file, reader, store, address), failure.promise]);
  } catch (error) {
    await store.close();
    await empty(directory, !isThere);
    throw error;
  }
  await store.close();
  await print(
    `Restored ${reader.keys} keys as of log index ${header.index} into ${directory}.\nStart the first master of the new cluster: mesh master --data-dir ${directory}\nThen add the others: mesh master --join … with empty directories, and mesh raft promote`,
  );
}

/** Removes what was restored so far, and the directory itself if it was made for it. */
async function empty(directory: string, isOwn: boolean): Promise<void> {
  const paths = isOwn ? [directory] : (await readdir(directory)).map((name) => join(directory, name));
  for (const path of paths) await rm(path, { recursive: true, force: true });
}

async function load(
  file: string,
  reader: BackupReader,
  store: LevelRaftStore,
  address: string,
): Promise<BackupHeader> {
  const memberId = uuidText(randomUuid(systemRandom()));
  let sequence = 0;
  let index = 0;
  let noteVersion: Uint8Array | undefined;
  const stage = (records: readonly StateRecord[], done: boolean): Promise<void> => {
    const { featureLevel, term } = reader.header ?? { featureLevel: 1, term: 0 };
    const members = { ...bootstrapMembership([memberId], { [memberId]: address }), featureLevel };
    const snapshot = { index, term: term + TERMS_AHEAD, membership: encodeMembership(members) };
    return store.stageSnapshot({ id: 1, sequence: sequence++, snapshot, records, done });
  };
  try {
    for await (const chunk of createReadStream(file)) {
      const records = reader.push(chunk as Uint8Array);
      if (!records.ok) throw unusable(`Cannot restore '${file}': ${records.error}; use another backup`);
      index = Math.max(1, reader.header?.index ?? 0);
      noteVersion =
        records.value.find(([key]) => Buffer.compare(key, NOTE_VERSION_KEY) === 0)?.[1] ?? noteVersion;
      if (records.value.length > 0) await stage(records.value, false);
    }
  } catch (error) {
    if (error instanceof MeshError) throw error;
    throw unusable(`Cannot restore '${file}': ${textOf(error)}; name a file that 'mesh raft backup' wrote`);
  }
  const { header } = reader;
  if (header === null || !reader.whole)
    throw unusable(`Cannot restore '${file}': it is not whole; use another backup`);
  await store.write({
    identity: { clusterId: header.cluster, memberId },
    hardState: { term: header.term + TERMS_AHEAD, votedFor: null },
    sync: true,
  });
  await stage([[NOTE_VERSION_KEY, noteVersionAhead(noteVersion)]], true);
  return header;
}

async function askForBackup(masters: readonly string[]): Promise<ReadableStream<Uint8Array>> {
  const reasons: string[] = [];
  for (const master of masters) {
    try {
      // A machine that is off neither answers nor refuses; the backup itself may take as long as it takes.
      await directFetch(`http://${master}/health`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
      const response = await directFetch(`http://${master}${BACKUP_PATH}`);
      if (response.ok && response.body !== null) return response.body;
      reasons.push(`${master} answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
    } catch (error) {
      reasons.push(`${master} cannot be reached (${textOf(error)})`);
    }
  }
  throw new MeshError(
    "MASTER_UNREACHABLE",
    `Cannot take a backup: ${reasons.join("; ")}. Name a master with --master host:port`,
  );
}

/** False if it is not there yet. */
async function refuseUsed(directory: string): Promise<boolean> {
  const content = await readdir(directory).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw unusable(`Cannot restore into '${directory}': ${textOf(error)}; choose another --data-dir`);
  });
  if (content === undefined) return false;
  if (content.length === 0) return true;
  throw unusable(`Cannot restore into '${directory}': it is not empty; choose another --data-dir`);
}

function noRoom(directory: string): MeshError {
  return unusable(
    `Cannot restore into '${directory}': its disk is full; make room, or choose another --data-dir`,
  );
}

function unusable(text: string): MeshError {
  return new MeshError("BACKUP_UNUSABLE", text);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
