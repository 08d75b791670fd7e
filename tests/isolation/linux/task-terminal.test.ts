import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ok } from "../../../src/base/result.ts";
import type { Runtime } from "../../../src/isolation/runtime.ts";
import type { ProgramInput } from "../../../src/isolation/session.ts";
import { ContainerBench } from "../../support/container-bench.ts";
import { availableForms, LinuxMachine } from "../../support/linux-machine.ts";

const ROOT = process.getuid?.() === 0;
const text = new TextEncoder();

for (const form of await availableForms()) {
  describe(`a container with a terminal, ${form}`, () => {
    const bench = new ContainerBench(new LinuxMachine(form));
    const { runtime, machine } = bench;
    afterAll(() => bench.close());

    const inputOf = (of: Runtime, id: string): ProgramInput => {
      const opened = of.openInput(id);
      if (!opened.ok) throw new Error(opened.error);
      return opened.value;
    };

    test.each(ROOT ? [undefined, "nobody"] : [undefined])(
      "shows everything in the sandbox's stdout and tells its status, user %s",
      async (user) => {
        const script = "test -t 0 && test -t 1 && test -t 2 && stty size; echo err >&2; seq 2000; exit 3";
        const terminal = { size: { rows: 40, columns: 90 } };
        const { exit, stdout, stderr } = await bench.run(
          bench.spec(script, { terminal, ...(user === undefined ? {} : { user }) }),
        );
        expect(exit).toEqual({ kind: "exited", code: 3 });
        const lines = Array.from({ length: 2000 }, (_, index) => `${index + 1}\r\n`).join("");
        expect(stdout).toBe(`40 90\r\nerr\r\n${lines}`);
        expect(stderr).toBe("");
      },
    );

    test("that is killed leaves no process behind", async () => {
      const spec = bench.spec("echo up; sleep 1000", { terminal: {} });
      await bench.start(spec);
      const input = inputOf(runtime, spec.containerId);
      await runtime.kill(spec.containerId);
      expect(runtime.openInput(spec.containerId).ok).toBe(false);
      await machine.until(async () => !(await input.write(text.encode("x"))));
      const stdout = `${spec.sandbox}/stdout`;
      await machine.until(() => !machine.table.all().some(({ pid }) => opens(pid).includes(stdout)));
      input.release();
    });

    test("without a terminal has no input to be given", async () => {
      const spec = bench.spec("sleep 1000");
      await bench.start(spec);
      expect(runtime.openInput(spec.containerId)).toEqual({
        ok: false,
        error: "it runs without a terminal, with empty input",
      });
    });

    // Last: the later runtime takes its cgroups with it.
    test("takes input, other sizes and Ctrl-C; also from a later agent process", async () => {
      const script =
        "trap 'echo interrupted' INT; trap 'stty size' WINCH; echo ready; while :; do read -r a && echo \"<$a>\"; [ \"$a\" != end ] || exit 5; done";
      const spec = bench.spec(script, { terminal: {} });
      await bench.start(spec);
      const shows = (part: string): Promise<void> =>
        machine.until(() => readFileSync(`${spec.sandbox}/stdout`, "utf8").includes(part));
      await shows("ready");
      const input = inputOf(runtime, spec.containerId);
      expect(await input.write(text.encode("one\n"))).toBe(true);
      await shows("<one>");
      input.release();

      const later = machine.open(async () => ok(undefined));
      const ended = Promise.withResolvers<unknown>();
      later.onExit((_, exit) => ended.resolve(exit));
      expect((await later.recover([spec.containerId])).get(spec.containerId)?.state).toBe("running");
      const again = inputOf(later, spec.containerId);
      expect(again.resize({ rows: 51, columns: 133 })).toBe(true);
      await shows("51 133");
      expect(await again.write(Uint8Array.of(3))).toBe(true);
      await shows("interrupted");
      await again.write(text.encode("end\n"));
      expect(await ended.promise).toEqual({ kind: "exited", code: 5 });
      expect(readFileSync(`${spec.sandbox}/stdout`, "utf8")).toContain("<end>");
      expect(again.resize({ rows: 1, columns: 1 })).toBe(false);
      again.release();
      await later.cleanup(spec.containerId);
      await later.close();
    });
  });
}

/** What a process writes to. */
function opens(pid: number): string[] {
  const { stdout } = Bun.spawnSync(["readlink", `/proc/${pid}/fd/1`]);
  return [stdout.toString().trim()];
}
