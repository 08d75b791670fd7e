import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { present } from "../../../src/base/assert.ts";
import { ok } from "../../../src/base/result.ts";
import type { ContainerSpec, ContainerTerminal } from "../../../src/isolation/container.ts";
import type { Session } from "../../../src/isolation/session.ts";
import { ContainerBench } from "../../support/container-bench.ts";
import { availableForms, LinuxMachine } from "../../support/linux-machine.ts";

const ROOT = process.getuid?.() === 0;
const SLEEP = "sleep 1000";
const MEGABYTE = 1_000_000;

for (const form of await availableForms()) {
  describe(`a session on real processes, ${form}`, () => {
    const bench = new ContainerBench(new LinuxMachine(form));
    const { runtime, machine } = bench;
    afterAll(() => bench.close());

    const open = (spec: ContainerSpec, script: string, terminal?: ContainerTerminal): Session => {
      const { terminal: _, ...rest } = spec;
      const opened = runtime.openSession(spec.containerId, {
        ...rest,
        command: { kind: "shell", script },
        ...(terminal === undefined ? {} : { terminal }),
      });
      if (!opened.ok) throw new Error(opened.error);
      return opened.value;
    };
    const started = async (changes: Partial<ContainerSpec> = {}): Promise<ContainerSpec> => {
      const spec = bench.spec(SLEEP, changes);
      await bench.start(spec);
      return spec;
    };

    test.each(ROOT ? [undefined, "nobody"] : [undefined])(
      "has the namespaces, directory, environment and user of its task, user %s",
      async (user) => {
        const show = "for n in pid mnt ipc uts net; do readlink /proc/self/ns/$n; done; pwd; id -u; echo $A";
        const environment = [
          ["PATH", "/usr/bin:/bin"],
          ["A", "one two"],
        ] as const;
        const spec = bench.spec(`${show}; ${SLEEP}`, {
          environment,
          ...(user === undefined ? {} : { user }),
        });
        await bench.start(spec);
        const stdout = (): string => readFileSync(`${spec.sandbox}/stdout`, "utf8");
        await machine.until(() => stdout().includes("one two\n"));
        const session = open(spec, show);
        expect(await rest(session)).toEqual({ stdout: stdout(), stderr: "" });
        expect(await session.exit).toEqual({ kind: "exited", code: 0 });
      },
    );

    test("counts among the processes of its container", async () => {
      const spec = await started();
      const session = open(spec, "cat /proc/self/cgroup");
      const { stdout } = await rest(session);
      const cgroup = machine.host.capabilities.cgroupRoot;
      if (cgroup !== undefined) expect(stdout).toContain(`/${spec.containerId}/mesh-session-`);
      await session.exit;
    });

    test("keeps the two outputs apart and tells the status", async () => {
      const session = open(await started(), "echo out; echo err >&2; exit 3");
      expect(await rest(session)).toEqual({ stdout: "out\n", stderr: "err\n" });
      expect(await session.exit).toEqual({ kind: "exited", code: 3 });
    });

    test("gives back ten megabytes of input byte for byte", async () => {
      const session = open(await started(), "cat");
      const sent = new Uint8Array(10 * MEGABYTE).map((_, index) => (index * 31 + (index >> 8)) & 0xff);
      const received: Uint8Array[] = [];
      const reading = (async () => {
        for (let piece = await session.output.next(); piece; piece = await session.output.next()) {
          received.push(piece.bytes);
        }
      })();
      for (let at = 0; at < sent.length; at += 60_000) {
        expect(await session.input.write(sent.subarray(at, at + 60_000))).toBe(true);
      }
      session.input.end();
      await reading;
      expect(Buffer.concat(received).equals(sent)).toBe(true);
      expect(await session.exit).toEqual({ kind: "exited", code: 0 });
    });

    test("is slowed down by a reader that does not read", async () => {
      const spec = await started();
      const session = open(spec, "exec yes mesh-session-yes");
      await session.output.next();
      const written = (): number => {
        const yes = machine.table
          .all()
          .find(({ pid }) => machine.table.commandLine(pid)[1] === "mesh-session-yes");
        return Number(
          /wchar: (\d+)/.exec(readFileSync(`/proc/${present(yes, "it runs").pid}/io`, "utf8"))?.[1],
        );
      };
      // It comes to a standstill: the pipe and what this process takes ahead are bounded.
      let [before, now] = [-1, written()];
      while (before !== now) {
        await Bun.sleep(50);
        [before, now] = [now, written()];
      }
      expect(now).toBeLessThan(4 * MEGABYTE);
      session.kill();
      expect(await session.exit).toEqual({ kind: "signaled", signal: 9 });
    });

    test("that is ended takes with it what it started; its task lives", async () => {
      const spec = await started();
      const session = open(spec, "sleep 2011 & (sleep 2012 &) ; echo up; sleep 2013");
      expect(new TextDecoder().decode((await session.output.next())?.bytes)).toBe("up\n");
      session.kill();
      expect(await session.exit).toMatchObject({ kind: "signaled" });
      const sleepers = (): string[] =>
        machine.table.all().flatMap(({ pid }) => {
          const [program, seconds = ""] = machine.table.commandLine(pid);
          return program === "sleep" && seconds.startsWith("201") ? [seconds] : [];
        });
      // Without a cgroup an orphan in a foreign pid namespace cannot be told from the task's processes.
      const found =
        machine.host.capabilities.cgroupRoot === undefined ? ["2011", "2013"] : ["2011", "2012", "2013"];
      await machine.until(() => !sleepers().some((each) => found.includes(each)));
      expect((await runtime.inspect(spec.containerId)).state).toBe("running");
    });

    test("ends with its container", async () => {
      const spec = await started();
      const session = open(spec, "echo up; sleep 1000");
      await session.output.next();
      await runtime.kill(spec.containerId);
      expect(await session.exit).toMatchObject({ kind: "signaled" });
      expect(await session.output.next()).toBeUndefined();
      expect(runtime.openSession(spec.containerId, spec)).toEqual({
        ok: false,
        error: "the container does not run",
      });
    });

    test("in a terminal has its size, is told of another one, and is interrupted by Ctrl-C", async () => {
      const session = open(
        await started(),
        "trap 'stty size; echo changed' WINCH; trap 'echo interrupted; exit 7' INT; test -t 0 && stty size; while :; do sleep 0.05; done",
        { size: { rows: 33, columns: 101 } },
      );
      const screen = new Screen(session);
      await screen.shows("33 101");
      expect(session.input.resize({ rows: 50, columns: 132 })).toBe(true);
      await screen.shows("50 132\r\nchanged");
      expect(await session.input.write(Uint8Array.of(3))).toBe(true);
      await screen.shows("interrupted");
      expect(await session.exit).toEqual({ kind: "exited", code: 7 });
      await screen.ended;
      expect(session.input.resize({ rows: 1, columns: 1 })).toBe(false);
    });

    test("in a terminal controls its jobs", async () => {
      const session = open(
        await started(),
        "tty >/dev/null && ps -o tty= -p $$; set -m; sleep 1000 & jobs; kill %1; wait; echo done",
        {},
      );
      const screen = new Screen(session);
      await screen.shows("done");
      expect(screen.text).not.toContain("job control");
      expect(screen.text).toContain("sleep 1000");
      expect(await session.exit).toEqual({ kind: "exited", code: 0 });
    });

    test("in a terminal takes ten megabytes of input in raw mode", async () => {
      const session = open(await started(), "stty raw -echo; echo ready; head -c 10000000 | md5sum", {});
      const screen = new Screen(session);
      await screen.shows("ready");
      const block = new Uint8Array(50_000).fill(0x78);
      for (let sent = 0; sent < 10 * MEGABYTE; sent += block.length) await session.input.write(block);
      await screen.shows("34801b928f5b34fb90c56312d79408f5");
      await session.exit;
    });

    // Last: the later runtime takes its cgroups with it.
    const { cgroupRoot } = machine.host.capabilities;
    if (cgroupRoot === undefined) return;
    test("that an agent left behind is ended by the next one; its task lives", async () => {
      const spec = await started();
      const session = open(spec, "echo up; sleep 1000");
      await session.output.next();
      const later = machine.open(async () => ok(undefined));
      const found = await later.recover([spec.containerId]);
      expect(found.get(spec.containerId)?.state).toBe("running");
      expect(await session.exit).toMatchObject({ kind: "signaled" });
      expect((await later.inspect(spec.containerId)).state).toBe("running");
      await later.kill(spec.containerId);
      await later.cleanup(spec.containerId);
      await later.close();
    });
  });
}

async function rest(session: Session): Promise<{ stdout: string; stderr: string }> {
  const text = { stdout: "", stderr: "" };
  for (let piece = await session.output.next(); piece; piece = await session.output.next()) {
    text[piece.stream] += new TextDecoder().decode(piece.bytes);
  }
  return text;
}

/** What a terminal has shown. */
class Screen {
  text = "";
  readonly ended: Promise<void>;
  #changed = Promise.withResolvers<void>();

  constructor(session: Session) {
    this.ended = this.#read(session);
  }

  async #read({ output }: Session): Promise<void> {
    for (let piece = await output.next(); piece; piece = await output.next()) {
      this.text += new TextDecoder().decode(piece.bytes);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }

  async shows(part: string): Promise<void> {
    while (!this.text.includes(part)) {
      const gone = this.ended.then(() => "ended");
      if ((await Promise.race([this.#changed.promise, gone])) !== "ended") continue;
      if (this.text.includes(part)) return;
      throw new Error(`The terminal never showed ${JSON.stringify(part)}, but ${JSON.stringify(this.text)}`);
    }
  }
}
