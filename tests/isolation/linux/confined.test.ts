import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ContainerMount, OverlayRoot } from "../../../src/isolation/container.ts";
import { ContainerBench } from "../../support/container-bench.ts";
import { availableForms, LinuxMachine } from "../../support/linux-machine.ts";
import { mayRun } from "../../support/must-run.ts";

const whole = (await availableForms()).includes("all");

describe.skipIf(!mayRun(whole))("a container on real processes", () => {
  let bench: ContainerBench;
  let host = "";
  beforeAll(() => {
    bench = new ContainerBench(new LinuxMachine("all"));
    host = join(bench.machine.directory, "host");
    mkdirSync(join(host, "below"), { recursive: true });
    writeFileSync(join(host, "file"), "of the host\n");
  });
  afterAll(() => bench.close());
  const output = async (...given: Parameters<ContainerBench["spec"]>): Promise<string> => {
    const { stdout, stderr } = await bench.run(bench.spec(...given));
    return `${stdout}${stderr}`.trim();
  };
  const STATUS = "grep -E '^(CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t\\n'";

  test.each([undefined, "nobody"])("has the capabilities that it was given, user %s", async (user) => {
    const more = {
      privileges: { effective: [0, 10], bounding: [0, 5, 10] },
      ...(user === undefined ? {} : { user }),
    };
    expect(await output(STATUS, more)).toBe(
      "CapEff:0000000000000401CapBnd:0000000000000421CapAmb:0000000000000401NoNewPrivs:0Seccomp:0",
    );
  });

  test("root has all in bounds when nothing else is said; nobody has none", async () => {
    const privileges = { bounding: [0, 5], noNewPrivileges: true };
    expect(await output(STATUS, { privileges })).toBe(
      "CapEff:0000000000000021CapBnd:0000000000000021CapAmb:0000000000000000NoNewPrivs:1Seccomp:0",
    );
    expect(await output(STATUS, { privileges, user: "nobody" })).toStartWith("CapEff:0000000000000000");
  });

  test("has its rlimits", async () => {
    const limits = [
      { name: "nofile", soft: 100, hard: 200 },
      { name: "core", soft: 0, hard: "unlimited" },
      { name: "msgqueue", soft: 4_096, hard: 4_096 },
    ] as const;
    const script = "grep -E '^Max (open|core|msgq)' /proc/self/limits | tr -s ' '";
    expect((await output(script, { limits, user: "nobody" })).split("\n").map((line) => line.trim())).toEqual(
      [
        "Max core file size 0 unlimited bytes",
        "Max open files 100 200 files",
        "Max msgqueue size 4096 4096 bytes",
      ],
    );
  });

  test("keeps its environment to itself, whatever holds it", async () => {
    const environment = [["LD_PRELOAD", "/none.so"]] as const;
    const { stderr, stdout } = await bench.run(
      bench.spec("echo $LD_PRELOAD", { environment, limits: [{ name: "core", soft: 0, hard: 0 }] }),
    );
    expect(stdout).toBe("/none.so\n");
    // Of the program and not of what was in front of it.
    expect(stderr.match(/LD_PRELOAD/g) ?? []).toHaveLength(1);
  });

  test("sees volumes of the host and of its sandbox, read-only ones as such", async () => {
    const mounts: ContainerMount[] = [
      { kind: "bind", source: host, target: "in/rw", readOnly: false, recursive: true },
      { kind: "bind", source: host, target: "ro", readOnly: true },
      { kind: "bind", source: `${host}/file`, target: "in/one", readOnly: true },
      { kind: "bind", source: "own/dir", target: "seen", readOnly: false },
      { kind: "file-system", type: "tmpfs", target: "/dev/shm", options: "size=1m,mode=1777" },
    ];
    const script =
      "cat in/rw/file ro/file in/one; echo new >in/rw/made; echo x >own/dir/x; cat seen/x; " +
      "for f in ro/x in/one; do (echo y >$f) 2>/dev/null || echo refused $f; done; df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2";
    expect((await output(script, { mounts })).split("\n")).toEqual([
      ...["of the host", "of the host", "of the host", "x", "refused ro/x", "refused in/one", "1024"],
    ]);
    expect(readFileSync(`${host}/made`, "utf8")).toBe("new\n");
    expect(readFileSync(`${host}/file`, "utf8")).toBe("of the host\n");
  });

  test.each([undefined, "nobody"])("has its secrets as files in memory, user %s", async (user) => {
    const text = "horse battery\0\n".repeat(3_000);
    const mounts: ContainerMount[] = [
      { kind: "secret", bytes: text.length, target: "keys/one", readOnly: true },
      { kind: "secret", bytes: 0, target: "empty", readOnly: true },
      { kind: "secret", bytes: 3, target: "own", readOnly: false },
    ];
    const secrets = [text, "", "two"].map((each) => new TextEncoder().encode(each));
    const script =
      "sha256sum <keys/one; wc -c <empty; cat own; stat -f -c %T keys/one; stat -c '%a %U' keys/one own; " +
      "cat own >seen; (echo more >>own) && cat own; (echo x >keys/one) 2>/dev/null || echo refused; " +
      "ls /proc/self/fd | wc -l; env | grep -c two; tr '\\0' '\\n' </proc/1/environ | grep -c two";
    const spec = bench.spec(script, { mounts, secrets, ...(user === undefined ? {} : { user }) });
    const { stdout } = await bench.run(spec);
    const digest = new Bun.CryptoHasher("sha256").update(text).digest("hex");
    // Its standard files, and the directory that is read.
    const rest = [
      "ramfs",
      `400 ${user ?? "root"}`,
      `600 ${user ?? "root"}`,
      "twomore",
      "refused",
      "4",
      "0",
      "0",
    ];
    expect(stdout.trim().split("\n")).toEqual([`${digest}  -`, "0", `two${rest[0]}`, ...rest.slice(1)]);
    // Beside it nothing is left of them.
    for (const name of ["keys/one", "own"]) expect(readFileSync(join(spec.sandbox, name), "utf8")).toBe("");
    const found = Bun.spawnSync(["grep", "-rl", "horse battery", bench.machine.directory]);
    expect(found.stdout.toString()).toBe("");
    expect(readdirSync(join(bench.machine.directory, "run/shared/secrets"))).toEqual([]);
  });

  test("checks and sessions see its secrets too", async () => {
    const mounts: ContainerMount[] = [{ kind: "secret", bytes: 5, target: "key", readOnly: true }];
    const spec = bench.spec("exec sleep 1000", {
      ...{ mounts, secrets: [new TextEncoder().encode("vault")], user: "nobody" },
    });
    await bench.start(spec);
    const command = { kind: "shell", script: 'test "$(cat key)" = vault' } as const;
    const probe = { kind: "command", spec: { ...spec, command } } as const;
    expect(await bench.runtime.check(spec.containerId, probe, 10_000)).toEqual({ kind: "exited", code: 0 });
    const session = bench.runtime.openSession(spec.containerId, { ...spec, command });
    expect(session.ok && (await session.value.exit)).toEqual({ kind: "exited", code: 0 });
    await bench.runtime.kill(spec.containerId);
  });

  test("sees layers of an image as a volume, without setuid bits", async () => {
    const layers = join(host, "../layers");
    for (const name of ["low", "top", "upper", "work", "root"])
      mkdirSync(join(layers, name), { recursive: true });
    writeFileSync(join(layers, "low/file"), "low\n");
    writeFileSync(join(layers, "top/other"), "top\n");
    const source: OverlayRoot = {
      ...{ kind: "overlay", layersDirectory: layers, layers: ["top", "low"] },
      ...{ upper: join(layers, "upper"), work: join(layers, "work") },
    };
    const overlay = { kind: "overlay", source, directory: join(layers, "root") } as const;
    const script = (to: string) =>
      `cat ${to}/file ${to}/other; (echo x >${to}/new) 2>/dev/null || echo refused; grep -c ' [^ ]*${to} overlay [^ ]*nosuid,nodev' /proc/mounts`;
    const readOnly = [{ ...overlay, target: "in/image", readOnly: true }];
    expect(await output(script("in/image"), { mounts: readOnly, user: "nobody" })).toBe(
      "low\ntop\nrefused\n1",
    );
    const writable = [{ ...overlay, target: "/mnt", readOnly: false }];
    expect(await output(script("/mnt"), { mounts: writable })).toBe("low\ntop\n1");
    expect(readdirSync(join(layers, "upper"))).toEqual(["new"]);
    expect(readdirSync(join(layers, "low"))).toEqual(["file"]);
  });

  test("without images no volume can be one", async () => {
    const mounts: ContainerMount[] = [
      { kind: "image", image: { name: "a:1", cached: true }, target: "v", readOnly: true },
    ];
    expect(await bench.refused(bench.spec("true", { mounts }))).toEqual({
      step: "validate",
      message:
        'Cannot mount the image "a:1" at "v": this agent is set up without images; see its --image-providers',
    });
  });

  test("a user writes to the parts of his sandbox that are mounted elsewhere", async () => {
    const mounts: ContainerMount[] = [
      { kind: "bind", source: ".t", sourceMode: 0o1777, target: "/mnt", readOnly: false },
    ];
    expect(await output("echo x >/mnt/x; ls -ld .t | cut -c1-10; cat .t/x", { mounts, user: "nobody" })).toBe(
      "drwxrwxrwt\nx",
    );
  });

  test("does not start when its host path is not there", async () => {
    const mount = (source: string, create: boolean): ContainerMount[] => [
      { kind: "bind", source: join(host, source), target: "v", readOnly: false, create },
    ];
    expect(await bench.refused(bench.spec("true", { mounts: mount("none", false) }))).toEqual({
      step: "sandbox",
      message: `Cannot make the mount point "v": the host has no "${host}/none"`,
    });
    expect(await output("ls v", { mounts: mount("none/new", true) })).toBe("");
    const absolute: ContainerMount[] = [
      { kind: "bind", source: host, target: "/no/such/place", readOnly: false },
    ];
    expect(await bench.refused(bench.spec("true", { mounts: absolute }))).toMatchObject({
      step: "mount",
      message: expect.stringContaining("no of the path /no/such/place is not there; make it on the agent's"),
    });
    const neither: ContainerMount[] = [
      { kind: "bind", source: join(host, "missing"), target: "/mnt", readOnly: false },
    ];
    expect(await bench.refused(bench.spec("true", { mounts: neither }))).toEqual({
      step: "sandbox",
      message: `Cannot make the mount point "/mnt": the host has no "${host}/missing"`,
    });
  });

  test("a persistent volume is mounted at an absolute path", async () => {
    const volumes = [{ source: join(host, "kept"), target: "/mnt" }];
    const script = "echo x >/mnt/x; ls -ld /mnt | cut -d' ' -f3";
    expect(await output(script, { volumes, user: "nobody" })).toBe("nobody");
    expect(readFileSync(join(host, "kept/x"), "utf8")).toBe("x\n");
  });

  test("shares the agent's pid and ipc namespaces when it is to", async () => {
    const namespaces = ["mount", "uts"] as const;
    const script = "for n in pid ipc mnt; do readlink /proc/self/ns/$n; done";
    const [pid, ipc, mnt] = (await output(script, { isolation: { namespaces, cgroup: true } })).split("\n");
    const own = Bun.spawnSync(["sh", "-c", script]).stdout.toString().split("\n");
    expect([pid, ipc]).toEqual(own.slice(0, 2));
    expect(mnt).not.toBe(own[2]);
  });

  test("is checked with no more privileges than it has", async () => {
    const privileges = { bounding: [5], noNewPrivileges: true };
    const spec = bench.spec("exec sleep 1000", { privileges });
    await bench.start(spec);
    const command = {
      kind: "shell",
      script: "test $(grep -c -E 'CapBnd:\\s0*20$|NoNewPrivs:\\s1' /proc/self/status) = 2",
    } as const;
    const probe = { kind: "command", spec: { ...spec, command } } as const;
    expect(await bench.runtime.check(spec.containerId, probe, 10_000)).toEqual({ kind: "exited", code: 0 });
    await bench.runtime.kill(spec.containerId);
  });
});

test("what the machine lacks is said", async () => {
  const bench = new ContainerBench(new LinuxMachine("posix"));
  try {
    const mounts: ContainerMount[] = [{ kind: "bind", source: "/srv", target: "v", readOnly: false }];
    expect((await bench.refused(bench.spec("true", { mounts }))).message).toContain("a mount namespace");
    const seccompProfile = "default";
    expect((await bench.refused(bench.spec("true", { privileges: { seccompProfile } }))).message).toContain(
      'Cannot use the seccomp profile "default"',
    );
  } finally {
    await bench.close();
  }
});
