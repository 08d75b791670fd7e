import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConfinementSettings } from "../../../src/isolation/confinement-settings.ts";
import { ContainerBench } from "../../support/container-bench.ts";
import { availableForms, LinuxMachine } from "../../support/linux-machine.ts";
import { mayRun } from "../../support/must-run.ts";

const RANGE = { first: 1_900_000_000, count: 70_000 };
const usable = process.arch === "x64" && (await availableForms()).includes("all");

/** Its directory may be entered by the users of tasks, as a work directory may. */
function machineWith(settings: Partial<ConfinementSettings>): LinuxMachine {
  const directory = mkdtempSync(join(tmpdir(), "mesh-hardened-"));
  chmodSync(directory, 0o755);
  return new LinuxMachine("all", directory, {
    privateFileSystems: false,
    seccompProfiles: new Map(),
    devices: [],
    programDirectory: `${directory}/programs`,
    ...settings,
  });
}

async function output(bench: ContainerBench, ...given: Parameters<ContainerBench["spec"]>): Promise<string> {
  const { stdout, stderr } = await bench.run(bench.spec(...given));
  return `${stdout}${stderr}`.trim();
}

describe.skipIf(!mayRun(usable))("users of tasks in a range of their own", () => {
  let bench: ContainerBench;
  beforeAll(() => {
    bench = new ContainerBench(machineWith({ userRange: RANGE }));
  });
  afterAll(() => bench.close());

  test("root inside is nobody outside, and owns its sandbox", async () => {
    expect(bench.machine.unmet).toEqual([]);
    const spec = bench.spec(
      "id -u; : >mine; cat /proc/self/uid_map; ls /proc/self/fd | wc -l; cat /etc/shadow",
    );
    const { stdout, stderr } = await bench.run(spec);
    const [uid, map, files] = stdout.trim().split("\n");
    expect([uid, map?.trim().split(/\s+/).join(" "), files]).toEqual(["0", "0 1900000000 70000", "4"]);
    expect(stderr).toContain("Permission denied");
    for (const path of [spec.sandbox, `${spec.sandbox}/mine`, `${spec.sandbox}/stdout`]) {
      expect(statSync(path).uid).toBe(RANGE.first);
    }
  });

  test("another user has his number in the range, also on volumes", async () => {
    const volumes = [{ source: join(bench.machine.directory, "volume"), target: "v" }];
    expect(await output(bench, "id -u; : >v/x", { user: "nobody", volumes })).toBe("65534");
    expect(statSync(join(bench.machine.directory, "volume/x")).uid).toBe(RANGE.first + 65_534);
  });

  test.each([undefined, "nobody"])(
    "secrets are its user's, and no file is left open, user %s",
    async (user) => {
      const mounts = [{ kind: "secret", bytes: 5, target: "key", readOnly: true }] as const;
      const secrets = [new TextEncoder().encode("vault")];
      const script = "cat key; echo; stat -c '%a %U' key; ls /proc/self/fd | wc -l";
      const more = { mounts, secrets, ...(user === undefined ? {} : { user }) };
      expect(await output(bench, script, more)).toBe(`vault\n400 ${user ?? "root"}\n4`);
    },
  );

  test("it is checked, killed and found again as any other", async () => {
    const spec = bench.spec("id -u >who; exec sleep 1000");
    const { ended } = await bench.start(spec);
    await bench.machine.until(() => statSync(`${spec.sandbox}/who`, { throwIfNoEntry: false })?.size === 2);
    const command = { kind: "shell", script: "test $(id -u) = $(cat who) && : >checked" } as const;
    const probe = { kind: "command", spec: { ...spec, command } } as const;
    expect(await bench.runtime.check(spec.containerId, probe, 10_000)).toEqual({ kind: "exited", code: 0 });
    expect(statSync(`${spec.sandbox}/checked`).uid).toBe(RANGE.first);
    const later = bench.machine.open(async () => ({ ok: true, value: undefined }));
    expect((await later.recover([spec.containerId])).get(spec.containerId)?.state).toBe("running");
    await later.close();
    await bench.runtime.kill(spec.containerId);
    expect(await ended).toEqual({ kind: "signaled", signal: 9 });
  });
});

test.skipIf(!mayRun(usable))(
  "a work directory that these users cannot enter ends the start of the agent",
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "mesh-hardened-"));
    const programDirectory = `${directory}/work/programs`;
    const machine = machineWith({ userRange: RANGE, programDirectory });
    expect(machine.unmet.join()).toContain(`its users cannot enter "${directory}"`);
    await machine.close();
    rmSync(directory, { recursive: true });
  },
);

test.skipIf(!mayRun(usable))("a user beyond the range is refused", async () => {
  const bench = new ContainerBench(machineWith({ userRange: { first: RANGE.first, count: 1_000 } }));
  expect((await bench.refused(bench.spec("true", { user: "nobody" }))).message).toContain(
    "the agent's --userns-range has 1000 users",
  );
  await bench.close();
});

describe.skipIf(!mayRun(usable))("profiles of system calls", () => {
  const profile = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 }],
  };
  let bench: ContainerBench;
  beforeAll(() => {
    bench = new ContainerBench(
      machineWith({ seccompProfiles: new Map([["no-mkdir.json", JSON.stringify(profile)]]) }),
    );
  });
  afterAll(() => bench.close());
  const seccomp = (seccompProfile: string) => ({ privileges: { seccompProfile } });

  test.each([undefined, "nobody"])("the built-in one holds, user %s", async (user) => {
    const script =
      "grep Seccomp: /proc/self/status | tr -d '\\t'; unshare --user true 2>&1 | head -n 1; echo done";
    const said = await output(bench, script, {
      ...seccomp("default"),
      ...(user === undefined ? {} : { user }),
    });
    expect(said.split("\n")).toEqual([
      "Seccomp:2",
      "unshare: unshare failed: Operation not permitted",
      "done",
    ]);
  });

  test("a session in the container has it, too", async () => {
    const spec = bench.spec("exec sleep 1000", seccomp("default"));
    await bench.start(spec);
    const command = { kind: "shell", script: "grep Seccomp: /proc/self/status" } as const;
    const session = bench.runtime.openSession(spec.containerId, { ...spec, command });
    if (!session.ok) throw new Error(session.error);
    let said = "";
    for (let piece = await session.value.output.next(); piece !== undefined; ) {
      said += new TextDecoder().decode(piece.bytes);
      piece = await session.value.output.next();
    }
    expect(said).toBe("Seccomp:\t2\n");
    await session.value.exit;
    await bench.runtime.kill(spec.containerId);
  });

  test("one of the operator's, in Docker's form", async () => {
    expect(await output(bench, "mkdir x", seccomp("no-mkdir.json"))).toContain("No space left on device");
    expect(await output(bench, "mkdir x", seccomp("default"))).toBe("");
  });

  test("one that is not there is refused", async () => {
    expect((await bench.refused(bench.spec("true", seccomp("other")))).message).toBe(
      'The agent has no seccomp profile "other"; it has default, no-mkdir.json',
    );
  });

  test("one that cannot be read ends the start of the agent", async () => {
    const machine = machineWith({ seccompProfiles: new Map([["bad", "{}"]]) });
    expect(machine.unmet).toEqual([
      'seccomp: the seccomp profile "bad" cannot be used: defaultAction: the action undefined is not known here',
    ]);
    await machine.close();
  });
});

describe.skipIf(!mayRun(usable))("file systems of its own", () => {
  let bench: ContainerBench;
  beforeAll(() => {
    bench = new ContainerBench(
      machineWith({
        privateFileSystems: true,
        devices: ["/dev/net/tun"].filter((path) => statSync(path, { throwIfNoEntry: false }) !== undefined),
      }),
    );
  });
  afterAll(() => bench.close());

  test("a container has devices, terminals and shared memory, and can change none of the machine's knobs", async () => {
    expect(bench.machine.unmet).toEqual([]);
    const script =
      "ls /dev; echo x >/dev/null && echo y >/dev/shm/y && head -c 3 /dev/urandom | wc -c; ls /dev/shm; " +
      "for f in /proc/sys/kernel/hostname /sys/kernel/notes /dev/x; do [ -w $f ] && echo can write $f; done; " +
      "awk '$2 == \"/sys\" && $4 !~ /^ro/' /proc/self/mounts | tail -n 1 | wc -l";
    const words = (await output(bench, script)).split(/\s+/);
    const nodes = [
      "fd",
      "full",
      "mqueue",
      "null",
      "ptmx",
      "pts",
      "random",
      "shm",
      "stderr",
      "stdin",
      "stdout",
    ];
    const more = bench.machine.host.fixedMounts !== undefined && words.includes("net") ? ["net"] : [];
    expect(words.slice(0, -3).sort()).toEqual([...nodes, ...more, "tty", "urandom", "zero"].sort());
    expect(words.slice(-3, -1)).toEqual(["3", "y"]);
  });

  test("the host's are untouched", () => {
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(bench.machine.directory);
    expect(statSync("/dev/shm/y", { throwIfNoEntry: false })).toBeUndefined();
    mkdirSync(join(bench.machine.directory, "still-writable"));
  });
});
