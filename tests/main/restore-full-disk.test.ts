/** `mesh raft restore` onto a disk of its own: a small tmpfs of the test, which needs root. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backupStream } from "../../src/io/backup-file.ts";
import { restoreBackup } from "../../src/main/raft-backup.ts";
import type { StateRecord } from "../../src/raft/types.ts";
import { mayRun } from "../support/must-run.ts";

const directory = mkdtempSync(join(tmpdir(), "mesh-restore-"));
const disk = join(directory, "disk");
mkdirSync(disk);
const mounted =
  process.platform === "linux" &&
  Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=4m", "mesh-test", disk]).exitCode === 0;
afterAll(() => {
  if (mounted) Bun.spawnSync(["umount", disk]);
  rmSync(directory, { recursive: true, force: true });
});

test.skipIf(!mayRun(mounted))(
  "a disk that is full is said, and so is a bad file; the directory stays",
  async () => {
    const file = join(directory, "large.backup");
    const records = Array.from({ length: 128 }, (_, n): StateRecord => {
      return [Buffer.from(`key/${n}`), new Uint8Array(64 * 1024).fill(n)];
    });
    let at = 0;
    const header = { cluster: "mesh", featureLevel: 1, takenAtMs: 1, term: 1 };
    const reader = {
      appliedIndex: 1,
      next: async () => {
        const part = records.slice(at, at + 16);
        at += part.length;
        return { records: part, done: at >= records.length };
      },
      close: async () => {},
    };
    writeFileSync(file, await new Response(backupStream(header, reader)).bytes());

    const full = restoreBackup({ file, dataDir: disk, address: "a:1" });
    await expect(full).rejects.toMatchObject({
      code: "BACKUP_UNUSABLE",
      message: expect.stringMatching(/^Cannot restore into '.*': its disk is full; make room/),
    });
    expect(readdirSync(disk)).toEqual([]);

    const missing = restoreBackup({ file: join(directory, "none"), dataDir: disk, address: "a:1" });
    await expect(missing).rejects.toThrow(
      /^Cannot restore '.*none': .*; name a file that 'mesh raft backup' wrote$/,
    );
    expect(readdirSync(disk)).toEqual([]);
  },
);
