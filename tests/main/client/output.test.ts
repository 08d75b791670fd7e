import { describe, expect, test } from "bun:test";
import { Writable } from "node:stream";
import { Output } from "../../../src/main/client/output.ts";

describe("Output", () => {
  test("waits until what was written has been taken", async () => {
    let take: (() => void) | undefined;
    const taken: string[] = [];
    const slow = new Writable({
      write(chunk, _encoding, done) {
        taken.push(String(chunk));
        take = done;
      },
    });
    const output = new Output(slow);
    let resolved = false;
    const written = output.write("one").then(() => {
      resolved = true;
    });
    await Promise.resolve();
    expect([taken, resolved]).toEqual([["one"], false]);
    take?.();
    await written;
    expect(output.failure).toBeUndefined();
  });

  test("keeps the failure and writes no more", async () => {
    let writes = 0;
    const broken = new Writable({
      write(_chunk, _encoding, done) {
        writes++;
        done(Object.assign(new Error("broken pipe"), { code: "EPIPE" }));
      },
    });
    const output = new Output(broken);
    await output.write("one");
    await output.write("two");
    expect([output.failure?.code, writes]).toEqual(["EPIPE", 1]);
  });
});

test.skipIf(process.platform !== "linux")(
  "a result that cannot be written ends the command with an error; a reader that is gone does not",
  () => {
    const version = (to: string): unknown[] => {
      const command = `exec "${process.execPath}" src/cli.ts version ${to}`;
      const { exitCode, stderr } = Bun.spawnSync(["bash", "-c", `set -o pipefail; ${command}`], {
        stderr: "pipe",
      });
      return [exitCode, stderr.toString()];
    };
    expect(version(">/dev/full")).toEqual([
      1,
      expect.stringMatching(/^mesh: Cannot write the output: .*no space/i),
    ]);
    expect(version("| true")).toEqual([0, ""]);
  },
);
