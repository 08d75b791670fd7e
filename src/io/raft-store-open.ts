/** Opens a master's database on level, after a look for writes that LevelDB would pass over. */
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MeshError } from "../base/errors.ts";
import { LevelDatabase, type LostWrites } from "./level.ts";
import { findLostWrites, type WalDamage } from "./raft-store-wal.ts";
import { WalRoom } from "./wal-room.ts";

/** In each checkpoint of an agent (agent/checkpoint.ts), and in no master's database. */
const CHECKPOINT_KEY = Buffer.from("agent");
/** Remembers lost writes between finding them and noting them: opening a database removes the traces. */
const LOST_FILE = "LOST-WRITES";

/** Throws MeshError DIRECTORY_LOCKED, DIRECTORY_UNUSABLE or LOG_DAMAGED. */
export async function openChecked(directory: string): Promise<LevelDatabase> {
  const lost = await lostWrites(directory);
  const db = await LevelDatabase.open(directory, new WalRoom(directory));
  if ((await db.get(CHECKPOINT_KEY)) !== undefined) {
    await db.close();
    const message = `Cannot open the database "${directory}": it is the checkpoint of an agent; choose another --data-dir`;
    throw new MeshError("DIRECTORY_UNUSABLE", message);
  }
  db.lost = lost;
  return db;
}

async function lostWrites(directory: string): Promise<LostWrites | null> {
  if (!(await stat(directory).catch(() => null))?.isDirectory()) return null;
  const path = join(directory, LOST_FILE);
  const before = await readFile(path, "utf8").catch(() => null);
  const found = before === null ? await findLostWrites(directory) : readLost(before);
  if (found === null) return null;
  const { reason, hardState } = found;
  const text = `${reason}\n${hardState === null ? "" : Buffer.from(hardState).toString("base64")}`;
  if (before === null) await writeFile(path, text, { flush: true });
  return { reason, hardState, noted: () => rm(path, { force: true }) };
}

function readLost(text: string): WalDamage {
  const [reason = "", hardState = ""] = text.split("\n");
  return { reason, hardState: hardState === "" ? null : Buffer.from(hardState, "base64") };
}
