import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Result } from "../../../src/base/result.ts";
import type { ContainerMount, ContainerSpec, OverlayRoot } from "../../../src/isolation/container.ts";
import type { Session } from "../../../src/isolation/session.ts";
import { ContainerBench } from "../../support/container-bench.ts";
import { availableForms, LinuxMachine } from "../../support/linux-machine.ts";
import { mayRun } from "../../support/must-run.ts";

const BUSYBOX = ["/usr/bin/busybox", "/bin/busybox"].find((path) => existsSync(path));
const usable = BUSYBOX !== undefined && (await availableForms()).includes("all");

describe.skipIf(!mayRun(usable))("a container with a root of its own", () => {
  let bench: ContainerBench;
  let directory: string;
  let count = 0;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "mesh-rooted-"));
    chmodSync(directory, 0o755);
    const seccomp = process.arch === "x64";
    const settings = { privateFileSystems: true, seccompProfiles: new Map(), devices: [] };
    const confinement = { ...settings, programDirectory: `${directory}/programs` };
    bench = new ContainerBench(new LinuxMachine("all", directory, seccomp ? confinement : undefined));
    mkdirSync(join(directory, "layers/base/bin"), { recursive: true });
    mkdirSync(join(directory, "host"));
    writeFileSync(join(directory, "host/file"), "of the host\n");
    cpSync(BUSYBOX ?? "", join(directory, "layers/base/bin/busybox"));
    for (const name of [
      "sh",
      "cat",
      "grep",
      "tr",
      "id",
      "ls",
      "mkdir",
      "echo",
      "mount",
      "unshare",
      "sleep",
      "stty",
      "readlink",
      "cut",
      "wc",
    ]) {
      symlinkSync("busybox", join(directory, "layers/base/bin", name));
    }
    // Of the host it would be another directory.
    symlinkSync("/new", join(directory, "layers/base/away"));
  });
  afterAll(() => bench.close());

  function rooted(script: string, more: Partial<ContainerSpec> = {}): ContainerSpec {
    const path = join(directory, `root-${++count}`);
    const [upper, work, root] = [`${path}/upper`, `${path}/work`, `${path}/root`];
    for (const each of [upper, work, root]) mkdirSync(each, { recursive: true });
    const layers = { layersDirectory: join(directory, "layers"), layers: ["base"] };
    return bench.spec(script, {
      environment: [["PATH", "/bin"]],
      root: {
        source: { kind: "overlay", ...layers, upper, work },
        directory: root,
        sandbox: "/mnt/mesos/sandbox",
        workingDirectory: "/mnt/mesos/sandbox",
      },
      ...more,
    });
  }

  async function output(script: string, more: Partial<ContainerSpec> = {}): Promise<string> {
    const { stdout, stderr } = await bench.run(rooted(script, more));
    return `${stdout}${stderr}`.trim();
  }

  const STATUS =
    "grep -E '^(CapEff|CapBnd|CapAmb|CapInh|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t\\n'";

  test.each([undefined, "nobody"])("has the capabilities that it was given, user %s", async (user) => {
    const privileges = { effective: [0, 10, 33], bounding: [0, 5, 10, 33] };
    expect(await output(STATUS, { privileges, ...(user === undefined ? {} : { user }) })).toBe(
      "CapInh:0000000200000401CapEff:0000000200000401CapBnd:0000000200000421CapAmb:0000000200000401NoNewPrivs:0Seccomp:0",
    );
  });

  test("root has all in bounds when nothing else is said; nobody has none", async () => {
    const privileges = { bounding: [0, 5], noNewPrivileges: true };
    expect(await output(STATUS, { privileges })).toBe(
      "CapInh:0000000000000000CapEff:0000000000000021CapBnd:0000000000000021CapAmb:0000000000000000NoNewPrivs:1Seccomp:0",
    );
    expect(await output(STATUS, { privileges, user: "nobody" })).toContain("CapEff:0000000000000000");
  });

  test.skipIf(process.arch !== "x64")("has its filter of system calls", async () => {
    const privileges = { seccompProfile: "default", effective: [21], bounding: [21] };
    const script = `${STATUS}; echo; unshare -n echo made || :; mkdir dir && echo dir`;
    const said = await output(script, { privileges, user: "nobody" });
    expect(said).toContain("Seccomp:2");
    expect(said).toContain("dir");
    expect(said).not.toContain("made");
  });

  test("has its rlimits, also such as this process could not live with", async () => {
    const limits = [
      { name: "fsize", soft: 0, hard: 4_096 },
      { name: "nofile", soft: 20, hard: 30 },
      { name: "as", soft: 64 << 20, hard: 64 << 20 },
      { name: "core", soft: 0, hard: "unlimited" },
    ] as const;
    // What is written to a file is beyond them.
    const script =
      "set -- $(cat /proc/self/limits | grep -E '^Max (file size|open|address|core)' | tr -s ' ' '_'); exit $#";
    const { exit } = await bench.run(rooted(script, { limits, user: "nobody" }));
    expect(exit).toEqual({ kind: "exited", code: 4 });
    const open = [limits[1], limits[3]];
    const seen = await output("cat /proc/self/limits | grep -E '^Max (open|core)' | tr -s ' '", {
      limits: open,
    });
    expect(seen.split("\n").map((line) => line.trim())).toEqual([
      "Max core file size 0 unlimited bytes",
      "Max open files 20 30 files",
    ]);
  });

  test("sees what it was given of the host, and nothing else of it", async () => {
    const mounts: ContainerMount[] = [
      { kind: "bind", source: join(directory, "host"), target: "/new/place", readOnly: true },
      { kind: "bind", source: join(directory, "host/file"), target: "/etc/one", readOnly: true },
      { kind: "bind", source: join(directory, "host"), target: "/away/inside", readOnly: false },
      { kind: "file-system", type: "tmpfs", target: "/tmp", options: "nosuid,nodev,size=1m,mode=1777" },
    ];
    const volumes = [{ source: join(directory, "volume"), target: "kept" }];
    const script = `cat /new/place/file /etc/one; echo x >/new/place/y; echo v >kept/v; cat /new/inside/file; ls ${directory}; cat /proc/mounts | grep -c ' /tmp tmpfs rw,nosuid,nodev,'`;
    const said = await output(script, { mounts, volumes });
    expect(said.replaceAll(directory, "D").split("\n")).toEqual([
      ...["of the host", "of the host", "of the host", "1"],
      "/bin/sh: can't create /new/place/y: Read-only file system",
      "ls: D: No such file or directory",
    ]);
    expect(existsSync(join(directory, "volume/v"))).toBe(true);
    expect(existsSync("/new/inside")).toBe(false);
  });

  test("sees other images and secrets as volumes", async () => {
    const image = join(directory, "image");
    for (const name of ["layers/a", "upper", "work", "root", "copy"]) {
      mkdirSync(join(image, name), { recursive: true });
    }
    for (const name of ["layers/a", "copy"]) writeFileSync(join(image, name, "file"), `of ${name}\n`);
    const [upper, work] = [join(image, "upper"), join(image, "work")];
    const source: OverlayRoot = {
      ...{ kind: "overlay", layersDirectory: join(image, "layers"), layers: ["a"] },
      ...{ upper, work },
    };
    const mounts: ContainerMount[] = [
      { kind: "secret", bytes: 4, target: "/run/key", readOnly: true },
      { kind: "overlay", source, directory: join(image, "root"), target: "/data", readOnly: false },
      { kind: "bind", source: join(image, "copy"), target: "copy", readOnly: true, harmless: true },
      { kind: "secret", bytes: 0, target: "here/empty", readOnly: false },
    ];
    const secrets = [new TextEncoder().encode("k\0y\n"), new Uint8Array()];
    const script =
      "tr '\\0' 0 </run/key; cat /data/file copy/file here/empty; ls -ln /run/key here/empty | tr -s ' ' | cut -d' ' -f1,3,5; " +
      "(echo x >copy/x) 2>/dev/null || echo refused; (echo x >/run/key) 2>/dev/null || echo refused; ls /proc/self/fd | wc -l; " +
      "grep -c -E ' (/data|[^ ]*/copy) [a-z0-9]* [^ ]*nosuid,nodev' /proc/mounts; ls -A /run/mesh 2>/dev/null";
    const spec = rooted(script, { mounts, secrets, user: "nobody" });
    const { stdout, stderr } = await bench.run(spec);
    expect(`${stdout}${stderr}`.trim().split("\n")).toEqual([
      ...["k0y", "of layers/a", "of copy", "-r-------- 65534 4", "-rw------- 65534 0"],
      ...["refused", "refused", "4", "2"],
    ]);
    expect(readdirSync(join(bench.machine.directory, "run/shared/secrets"))).toEqual([]);
  });

  test("settings of the machine are read-only, its secrets empty", async () => {
    const hidden =
      "for f in kcore kallsyms keys timer_list; do cat /proc/$f 2>/dev/null; done; ls /sys/firmware 2>/dev/null";
    expect(await output(`${hidden}; echo x >/proc/sys/kernel/hostname`)).toBe(
      "/bin/sh: can't create /proc/sys/kernel/hostname: Read-only file system",
    );
  });

  test("that cannot be made fails the launch, with the reason", async () => {
    const mounts: ContainerMount[] = [{ kind: "bind", source: "/none", target: "/x", readOnly: true }];
    const missing = await bench.refused(rooted(":", { mounts }));
    expect(missing.message).toBe('Cannot make the mount point "/x": the host has no "/none"');
    const unusable: ContainerMount[] = [
      { kind: "file-system", type: "tmpfs", target: "/x", options: "size=x" },
    ];
    const { message } = await bench.refused(rooted(":", { mounts: unusable }));
    expect(message).toContain("Cannot set up the container's root");
    expect(message).toContain("/x");
    const below: ContainerMount[] = [
      { kind: "bind", source: "link/x", sourceBase: join(directory, "layers"), target: "/x", readOnly: true },
    ];
    symlinkSync("/etc", join(directory, "layers/link"));
    expect((await bench.refused(rooted(":", { mounts: below }))).message).toContain("link");
  });

  test("is entered by checks, in its root, cgroup and privileges, as its user", async () => {
    const privileges = { effective: [0], bounding: [0], noNewPrivileges: true };
    const spec = rooted(`${STATUS} >here; cat /proc/self/cgroup >>here; : >up; sleep 1000`, {
      privileges,
      user: "nobody",
    });
    const { ended } = await bench.start(spec);
    await bench.machine.until(() => existsSync(`${spec.sandbox}/up`));
    const look = async (command: ContainerSpec["command"]): Promise<unknown> =>
      await bench.runtime.check(spec.containerId, { kind: "command", spec: { ...spec, command } }, 20_000);
    const same = `{ ${STATUS}; cat /proc/self/cgroup; } >there; ls / >>there; ls / >>here; test "$(cat here)" = "$(cat there)" && test $(id -u) = 65534`;
    expect(await look({ kind: "shell", script: same })).toEqual({ kind: "exited", code: 0 });
    expect(
      await look({ kind: "exec", file: "grep", argv: ["grep", "-q", "nothing", "/proc/1/comm"] }),
    ).toEqual({
      kind: "exited",
      code: 1,
    });
    await bench.runtime.kill(spec.containerId);
    await ended;
  });

  const TERMINAL = "test -t 0 && test -t 1 && stty size; echo controlled >/dev/tty";
  const SHOWN = "30 70\r\ncontrolled\r\n";

  test.each([undefined, "nobody"])("is entered by sessions, also with a terminal, user %s", async (user) => {
    const as = user === undefined ? {} : { user };
    const show = `${STATUS}; id -u; ls /; pwd; for n in pid mnt ipc uts; do readlink /proc/self/ns/$n; done`;
    const spec = rooted(`${show}; : >up; sleep 1000`, { privileges: { bounding: [0] }, ...as });
    const { ended } = await bench.start(spec);
    await bench.machine.until(() => existsSync(`${spec.sandbox}/up`));
    const command = { kind: "shell", script: `${show}; cat /proc/self/cgroup >&2; exit 7` } as const;
    const session = opened(bench.runtime.openSession(spec.containerId, { ...spec, command }));
    const said = await outputOf(session);
    expect(said.stdout).toBe(readFileSync(`${spec.sandbox}/stdout`, "utf8"));
    expect(said.stderr).toContain(`/${spec.containerId}/mesh-session-`);
    expect(await session.exit).toEqual({ kind: "exited", code: 7 });
    const terminal = { size: { rows: 30, columns: 70 } };
    const watched = { ...spec, command: { kind: "shell", script: TERMINAL }, terminal } as const;
    const second = opened(bench.runtime.openSession(spec.containerId, watched));
    expect((await outputOf(second)).stdout).toBe(SHOWN);
    await bench.runtime.kill(spec.containerId);
    await ended;
  });

  test.each([undefined, "nobody"])("has a terminal that it controls, user %s", async (user) => {
    const terminal = { size: { rows: 30, columns: 70 } };
    const { stdout } = await bench.run(
      rooted(TERMINAL, { terminal, ...(user === undefined ? {} : { user }) }),
    );
    expect(stdout).toBe(SHOWN);
  });

  test("a program that is not there is told on its stderr", async () => {
    const { exit, stderr } = await bench.run({
      ...rooted(""),
      command: { kind: "exec", file: "none", argv: ["none"] },
    });
    expect(exit).toEqual({ kind: "exited", code: 127 });
    expect(stderr).toBe(
      'mesh: cannot execute "none": no such program in the image, or not what it needs to run\n',
    );
  });
});

function opened(session: Result<Session>): Session {
  if (!session.ok) throw new Error(session.error);
  return session.value;
}

async function outputOf({ output }: Session): Promise<{ stdout: string; stderr: string }> {
  const said = { stdout: "", stderr: "" };
  for (let piece = await output.next(); piece !== undefined; piece = await output.next()) {
    said[piece.stream] += new TextDecoder().decode(piece.bytes);
  }
  return said;
}
