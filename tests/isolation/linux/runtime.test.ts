import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { ok } from "../../../src/base/result.ts";
import type { ContainerSpec } from "../../../src/isolation/container.ts";
import { Records } from "../../../src/isolation/linux/records.ts";
import { openLinuxRuntime } from "../../../src/isolation/linux/runtime.ts";
import { ContainerBench } from "../../support/container-bench.ts";
import { availableForms, LinuxMachine } from "../../support/linux-machine.ts";

const ROOT = process.getuid?.() === 0;
const exec = (file: string, ...argv: string[]): ContainerSpec["command"] => ({
  kind: "exec",
  file,
  argv: [file, ...argv],
});

/** What a test may not find in a task, whoever it runs as. */
const ODD_VARIABLES = [
  ["PATH", "/usr/bin:/bin"],
  ["EMPTY", ""],
  ["SPACES", "  a  'b' \"c\" $d `e` \\ * "],
  ["LINES", "one\ntwo\n"],
  ["a.b-c", "no shell can hold it"],
  ["PWD", "/mine"],
  ["mesh_env_0", "mine"],
  ["IFS", "x"],
] as const;

function environmentText(variables: readonly (readonly [string, string])[]): string[] {
  return variables.map(([name, value]) => `${name}=${value}`).sort();
}

for (const form of await availableForms()) {
  describe(`a task on real processes, ${form}`, () => {
    const bench = new ContainerBench(new LinuxMachine(form));
    const { runtime, machine } = bench;
    const escapes = form === "posix";
    afterAll(() => bench.close());

    test.each(ROOT ? [undefined, "nobody"] : [undefined])(
      "gets exactly its environment, user %s",
      async (user) => {
        const more = { environment: ODD_VARIABLES, ...(user === undefined ? {} : { user }) };
        const { stdout } = await bench.run(bench.spec(exec("env", "-0"), more));
        expect(stdout.split("\0").slice(0, -1).sort()).toEqual(environmentText(ODD_VARIABLES));
      },
    );

    test("may have any id that is a file name", async () => {
      const spec = { ...bench.spec("echo $$; exit 3"), containerId: `-a:b,c+1'"$(x)@%é` };
      const { exit, stdout } = await bench.run(spec);
      expect(exit).toEqual({ kind: "exited", code: 3 });
      expect(Number(stdout)).toBeGreaterThan(0);
      expect(await runtime.listOrphans()).not.toContain(spec.containerId);
    });

    test("an empty environment stays empty", async () => {
      const { stdout } = await bench.run(bench.spec(exec("/usr/bin/env"), { environment: [] }));
      expect(stdout).toBe("");
    });

    test("has the sandbox as directory, no input, and no files but its own", async () => {
      const script =
        "pwd; read -r line; echo $?; cd /proc/$$/fd; for f in 3 4 5 6 7 8 9; do [ ! -e $f ] || echo $f; done; readlink 0 1 2";
      const spec = bench.spec(script);
      const { stdout } = await bench.run(spec);
      const { sandbox } = spec;
      const expected = [sandbox, "1", "/dev/null", `${sandbox}/stdout`, `${sandbox}/stderr`];
      expect(stdout.trim().split("\n")).toEqual(expected);
    });

    test("tells what it uses", async () => {
      const spec = bench.spec("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 1000");
      await bench.start(spec);
      const statistics = () => runtime.statistics(spec.containerId);
      await machine.until(async () => ((await statistics())?.cpus_user_time_secs ?? 0) > 0.01);
      const used = await statistics();
      expect(used?.mem_rss_bytes).toBeGreaterThan(4_096);
      expect(used?.processes).toBeGreaterThan(0);
      expect(used?.cpus_system_time_secs).toBeNumber();
      expect(Math.abs((used?.timestamp ?? 0) - Date.now() / 1_000)).toBeLessThan(60);
      await runtime.kill(spec.containerId);
      await runtime.cleanup(spec.containerId);
    });

    test("gets a signal by its number itself, as with Mesos, and not what it started", async () => {
      const child = '(trap "echo child" USR1; : >child; while :; do sleep 0.02; done) &';
      // The second reaches the program when the first, had the child got it, was told long since.
      const program = `trap 'echo first; trap "echo second; exit 3" USR1' USR1; until [ -e child ]; do :; done`;
      const spec = bench.spec(`${child} ${program}; echo ready; wait; wait`);
      const { ended } = await bench.start(spec);
      const stdout = () => readFileSync(`${spec.sandbox}/stdout`, "utf8");
      await machine.until(() => stdout() === "ready\n");
      await runtime.signal(spec.containerId, constants.signals.SIGUSR1);
      await machine.until(() => stdout().includes("first"));
      await runtime.signal(spec.containerId, constants.signals.SIGUSR1);
      expect(await ended).toEqual({ kind: "exited", code: 3 });
      expect(stdout()).toBe("ready\nfirst\nsecond\n");
      await runtime.cleanup(spec.containerId);
    });

    test("is resized any number of times, over which its record does not grow", async () => {
      const spec = bench.spec("sleep 1000");
      await bench.start(spec);
      const record = join(machine.directory, "run", "containers", spec.containerId);
      const resize = (cpusMilli: number) =>
        runtime.update(spec.containerId, { cpusMilli, memBytes: 1 << 26, diskBytes: 0 });
      for (let cpus = 1; cpus <= 4_000; cpus *= 2) expect(await resize(cpus)).toEqual(ok(undefined));
      const bytes = statSync(record).size;
      for (let round = 0; round < 50; round++) expect(await resize(9_000 + round)).toEqual(ok(undefined));
      expect(statSync(record).size).toBe(bytes);
      const found = new Records(join(machine.directory, "run")).read(spec.containerId);
      expect(found).toMatchObject({ started: true, resources: { cpusMilli: 9_049 }, messages: "" });
      // Somebody who empties the directory is told of it, and no more.
      rmSync(record);
      expect(await resize(1)).toMatchObject({ ok: false, error: expect.stringContaining("ENOENT") });
      await runtime.kill(spec.containerId);
      await runtime.cleanup(spec.containerId);
    });

    test("tells on which ports it listens", async () => {
      const listen =
        'const l = Bun.listen({hostname:"127.0.0.1",port:0,socket:{data(){}}}); console.log(l.port)';
      const spec = bench.spec(exec(process.execPath, "-e", listen));
      const quiet = bench.spec("sleep 1000");
      await bench.start(spec);
      await bench.start(quiet);
      await machine.until(() => readFileSync(`${spec.sandbox}/stdout`, "utf8").endsWith("\n"));
      const listening = await runtime.listening();
      expect(listening.get(spec.containerId)).toEqual([
        Number(readFileSync(`${spec.sandbox}/stdout`, "utf8")),
      ]);
      expect(listening.has(quiet.containerId)).toBe(false);
      for (const { containerId } of [spec, quiet]) {
        await runtime.kill(containerId);
        await runtime.cleanup(containerId);
      }
      expect((await runtime.listening()).size).toBe(0);
    });

    test("ignores and blocks no signal, and leads its own session", async () => {
      const command = exec("grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status");
      const { stdout } = await bench.run(bench.spec(command));
      expect(stdout.replaceAll(/\s+/g, " ")).toBe("SigBlk: 0000000000000000 SigIgn: 0000000000000000 ");
      const session = await bench.run(
        bench.spec("read -r a b c d pgid sid rest </proc/$$/stat; echo $pgid $sid $$"),
      );
      const [group, leader, own] = session.stdout.trim().split(" ");
      expect([group, leader]).toEqual([own, own]);
    });

    test("writes to its own stdout and stderr; the shells write nothing there", async () => {
      const { stdout, stderr } = await bench.run(bench.spec("echo out; echo err >&2; kill -9 $$"));
      expect([stdout, stderr]).toEqual(["out\n", "err\n"]);
    });

    test("a program that is not there ends with 127 and says so in the sandbox", async () => {
      const { exit, stderr } = await bench.run(bench.spec(exec("/no/such/program")));
      expect(exit).toEqual({ kind: "exited", code: 127 });
      expect(stderr).toContain("/no/such/program");
    });

    test("a file that may not be executed ends with 126", async () => {
      const file = join(machine.directory, "plain");
      writeFileSync(file, "text", { mode: 0o644 });
      const { exit } = await bench.run(bench.spec(exec(file)));
      expect(exit).toEqual({ kind: "exited", code: 126 });
    });

    test("another argv[0] than the file", async () => {
      const command = { kind: "exec", file: "/bin/sh", argv: ["other name", "-c", 'echo "$0"'] } as const;
      expect((await bench.run(bench.spec(command))).stdout).toBe("other name\n");
    });

    test("cannot end its supervisor by signals to its group", async () => {
      const { exit } = await bench.run(bench.spec("kill -9 0"));
      expect(exit).toEqual({ kind: "signaled", signal: 9 });
    });

    test("background processes of it are gone before its end is told", async () => {
      const detach = escapes ? "" : "setsid";
      const spec = bench.spec(`${detach} sleep 4711 & ${detach} sleep 4711 & echo started; exit 0`);
      expect((await bench.run(spec)).stdout).toBe("started\n");
      expect(sleeping("4711")).toEqual([]);
    });

    test("kill ends all generations", async () => {
      const detach = escapes ? "" : "setsid";
      const script = `trap "" TERM; ${detach} sh -c 'trap "" TERM; sleep 4712 & sleep 4712' & sleep 4712`;
      const spec = bench.spec(script);
      await bench.start(spec);
      await machine.until(() => sleeping("4712").length === 3);
      expect(await runtime.kill(spec.containerId)).toEqual({ ok: true, value: undefined });
      expect(sleeping("4712")).toEqual([]);
    });

    const sleeping = (seconds: string): number[] =>
      machine.table
        .all()
        .map((process) => process.pid)
        .filter((pid) => machine.table.commandLine(pid).join(" ").startsWith(`sleep ${seconds}`));

    test("an output file that is a link is refused, its target stays untouched", async () => {
      const spec = bench.spec("echo written");
      const victim = join(machine.directory, "victim");
      writeFileSync(victim, "untouched");
      mkdirSync(spec.sandbox, { recursive: true });
      symlinkSync(victim, join(spec.sandbox, "stdout"));
      expect(await bench.refused(spec)).toMatchObject({ step: "sandbox" });
      expect(readFileSync(victim, "utf8")).toBe("untouched");
      expect(await runtime.listOrphans()).toEqual([]);
    });

    test("a user that does not exist is a clear error", async () => {
      const error = await bench.refused(bench.spec("true", { user: "no-such-user" }));
      expect(error).toEqual({
        step: "user",
        message:
          'Cannot run as user "no-such-user": the agent\'s machine has no such user; create it or name another',
      });
    });

    test.skipIf(!ROOT)("another user owns sandbox and output and has no rights besides", async () => {
      chmodSync(machine.directory, 0o755);
      const script = 'id -u; id -g; id -G; : >"$PWD/mine"; cat /etc/shadow; grep CapEff /proc/self/status';
      const spec = bench.spec(script, { user: "nobody" });
      const { stdout, stderr } = await bench.run(spec);
      expect(stdout.replaceAll(/\s+/g, " ")).toBe("65534 65534 65534 CapEff: 0000000000000000 ");
      expect(stderr).toContain("Permission denied");
      for (const name of ["", "stdout", "stderr", "mine"]) {
        expect(statSync(join(spec.sandbox, name)).uid).toBe(65534);
      }
    });

    test.skipIf(!ROOT)("a variable for the dynamic linker acts as the user, never as root", async () => {
      // The loader names a library that it cannot load on stderr, for each program that tries.
      const environment = [
        ["PATH", "/usr/bin:/bin"],
        ["LD_PRELOAD", "/no/such/library.so"],
      ] as const;
      const { stderr } = await bench.run(bench.spec(exec("true"), { user: "nobody", environment }));
      expect(stderr.match(/library\.so/g)).toHaveLength(1);
      expect(runtime.capabilities.switchUser).toBe(true);
    });

    const ownTest = form === "all" ? test : () => {};
    ownTest("has its own namespaces and cgroup", async () => {
      const script =
        "for n in pid mnt ipc uts; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup; echo /proc/[0-9]*";
      const spec = bench.spec(script);
      const { stdout } = await bench.run(spec);
      const own = ["pid", "mnt", "ipc", "uts"].map((kind) =>
        Bun.spawnSync(["readlink", `/proc/self/ns/${kind}`])
          .stdout.toString()
          .trim(),
      );
      for (const namespace of own) expect(stdout).not.toContain(namespace);
      const agentCgroup = runtime.capabilities.cgroupRoot?.split("/").at(-1);
      expect(stdout).toMatch(new RegExp(`^0::.*/mesh/${agentCgroup}/${spec.containerId}$`, "m"));
      expect(stdout.trim().split("\n").at(-1)?.split(" ").length).toBeLessThanOrEqual(3);
    });

    test("a cgroup that cannot be joined fails the launch, and nothing is left", async () => {
      const supervisorsCgroup = join(machine.directory, "no-cgroup", "supervisors");
      const host = { ...machine.host, supervisorsCgroup };
      const runtimeDirectory = join(machine.directory, "other");
      const poor = openLinuxRuntime({ runtimeDirectory, fetch: async () => ok(undefined), host });
      rmSync(supervisorsCgroup, { recursive: true });
      const launched = await poor.launch(bench.spec("true"));
      expect(launched).toMatchObject({ ok: false, error: { step: "cgroup" } });
      expect(launched.ok ? "" : launched.error.message).toContain(supervisorsCgroup);
      await poor.close();
      expect(readdirSync(join(runtimeDirectory, "containers"))).toEqual([]);
      expect(machine.leftovers()).toEqual([]);
    });

    test("100 launches one after the other end as they should; the figure is printed", async () => {
      const from = performance.now();
      let waited = 0;
      for (let index = 0; index < 100; index++) {
        const spec = bench.spec(`exit ${index % 3}`);
        const before = performance.now();
        const { ended } = await bench.start(spec);
        waited += performance.now() - before;
        expect(await ended).toEqual({ kind: "exited", code: index % 3 });
        await runtime.cleanup(spec.containerId);
      }
      const ms = performance.now() - from;
      console.log(`${form}: ${Math.round(100_000 / ms)} tasks/s, launch ${(waited / 100).toFixed(1)} ms`);
      expect(ms).toBeLessThan(25_000);
    }, 30_000);
  });
}
