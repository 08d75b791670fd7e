/**
 * Runs inside the virtual machine: known ways out of containers, tried by tasks
 * of an agent with --hardened and then by those of one without flags. Started
 * with the word `calls` it is the task that tries system calls.
 */
import { dlopen, FFIType, read } from "bun:ffi";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { containerSetup } from "../../src/agent/container-setup.ts";
import { ok } from "../../src/base/result.ts";
import type { ContainerSpec, Exit } from "../../src/isolation/container.ts";
import { openLinuxRuntime } from "../../src/isolation/linux/runtime.ts";
import { CONTAINER_FLAGS, readConfinement, readContainerPolicy } from "../../src/main/container-flags.ts";
import { Flags } from "../../src/main/flags.ts";
import { check, checksDone } from "../support/guest-checks.ts";
import { CALL_ATTEMPTS, SHELL_ATTEMPTS } from "./escape-attempts.ts";

const MIB = 1024 * 1024;
const EPERM = 1;
const ENOSYS = 38;

function tryCalls(): void {
  const { symbols } = dlopen("libc.so.6", {
    syscall: { args: Array(7).fill(FFIType.i64), returns: FFIType.i64 },
    __errno_location: { args: [], returns: FFIType.ptr },
  });
  for (const { number, args } of CALL_ATTEMPTS) {
    const words = [0, 1, 2, 3, 4, 5].map((at) => args[at] ?? 0);
    const result = Number(symbols.syscall(number, ...words));
    const where = symbols.__errno_location();
    console.log(`${number} ${result < 0 && where !== null ? read.i32(where) : 0}`);
  }
}

interface Agent {
  readonly name: string;
  run(id: string, spec: Partial<ContainerSpec>, user?: string): Promise<string>;
  close(): Promise<void>;
}

function openAgent(name: string, given: Readonly<Record<string, string>>): Agent {
  const flags = new Flags(CONTAINER_FLAGS, new Map(Object.entries(given).map(([k, v]) => [k, [v]])), {});
  const policy = readContainerPolicy(flags);
  const exits = new Map<string, PromiseWithResolvers<Exit>>();
  const runtime = openLinuxRuntime({
    runtimeDirectory: "/run/mesh",
    fetch: async () => ok(undefined),
    confinement: { ...readConfinement(flags), devices: [], programDirectory: "/agent/programs" },
  });
  runtime.onExit((id, exit) => exits.get(id)?.resolve(exit));
  check(
    runtime.capabilities.missing.length === 0,
    `${name}: nothing is missing ${runtime.capabilities.missing}`,
  );
  return {
    name,
    close: () => runtime.close(),
    run: async (id, more, user = "root") => {
      const setup = containerSetup(undefined, user, policy);
      if (!setup.ok) throw new Error(setup.error);
      exits.set(id, Promise.withResolvers<Exit>());
      const sandbox = `/agent/sandboxes/${id}`;
      const launched = await runtime.launch({
        containerId: id,
        sandbox,
        command: { kind: "shell", script: ":" },
        environment: [["PATH", "/usr/bin:/bin"]],
        user,
        stdoutName: "stdout",
        stderrName: "stderr",
        uris: [],
        resources: { cpusMilli: 1000, memBytes: 512 * MIB, diskBytes: 0 },
        ...setup.value,
        ...more,
      });
      if (!launched.ok) return `not launched: ${launched.error.step}: ${launched.error.message}`;
      const exit = await exits.get(id)?.promise;
      await runtime.cleanup(id);
      const [stdout, stderr] = [
        readFileSync(`${sandbox}/stdout`, "utf8"),
        readFileSync(`${sandbox}/stderr`, "utf8"),
      ];
      return exit?.kind === "exited" && exit.code === 0
        ? stdout
        : `${stdout}\n${JSON.stringify(exit)} ${stderr}`;
    },
  };
}

/** Each in a subshell; a line for each with its status and what it said. */
function attemptsScript(): string {
  const tries = SHELL_ATTEMPTS.map(
    ({ script }, at) =>
      `m=$PWD/m${at}; mkdir "$m"; ( ${script} ) >out 2>&1; echo "${at} $? $(head -n 1 out | head -c 150)"`,
  );
  return tries.join("\n");
}

/** By the attempt's number: status 0, and what was said. */
async function shellResults(
  agent: Agent,
): Promise<ReadonlyMap<number, readonly [through: boolean, said: string]>> {
  const output = await agent.run(`shell-${agent.name}`, {
    command: { kind: "shell", script: attemptsScript() },
  });
  const lines = [...output.matchAll(/^(\d+) (\d+) (.*)$/gm)];
  if (lines.length !== SHELL_ATTEMPTS.length) console.log(`${agent.name}: ${output}`);
  return new Map(lines.map(([, at, status, said = ""]) => [Number(at), [status === "0", said]]));
}

/** By number of the call: the error, 0 for none. */
async function callResults(agent: Agent): Promise<ReadonlyMap<number, number>> {
  const command = { kind: "exec", file: "/program", argv: ["/program", "calls"] } as const;
  const output = await agent.run(`calls-${agent.name}`, { command });
  const lines = [...output.matchAll(/^(\d+) (\d+)$/gm)];
  if (lines.length !== CALL_ATTEMPTS.length) console.log(`${agent.name}: ${output}`);
  return new Map(lines.map(([, number, errno]) => [Number(number), Number(errno)]));
}

const through = (errno: number | undefined): boolean => errno !== EPERM && errno !== ENOSYS;

const hostState = (): string =>
  ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/sys/kernel/mm/ksm/run"]
    .map((path) => readFileSync(path, "utf8").trim())
    .concat(
      `${existsSync("/usr/bin/owned")} ${existsSync("/sys/fs/cgroup/esc")} ${statSync("/usr/bin/setpriv").size}`,
    )
    .join(" | ");

async function main(): Promise<void> {
  mkdirSync("/agent/sandboxes", { recursive: true });
  mkdirSync("/dev/shm", { recursive: true });
  for (const directory of ["/dev/shm", "/tmp"]) writeFileSync(`${directory}/secret`, "of another task");
  // A setuid program of the host that tells who it runs as.
  copyFileSync("/usr/bin/setpriv", "/usr/bin/setuid-program");
  chmodSync("/usr/bin/setuid-program", 0o4755);
  const tellUser = {
    command: { kind: "shell", script: "setuid-program --dump | grep '^euid'" },
  } as const;
  const tellLimits = {
    command: {
      kind: "shell",
      script: "grep 'nice' /proc/self/limits; id -u; (: >in-sandbox) && ls -ln in-sandbox",
    },
    limits: [{ name: "nice", soft: 30, hard: 40 }],
  } as const;

  const before = hostState();
  const hardened = openAgent("hardened", { hardened: "true" });
  const [shell, calls] = [await shellResults(hardened), await callResults(hardened)];
  const nobody = await hardened.run("suid-hardened", tellUser, "nobody");
  const limits = await hardened.run("limits-hardened", tellLimits);
  const plain = await hardened.run("plain", {
    command: {
      kind: "shell",
      script: "cat /proc/self/uid_map; ls /dev; echo x >/dev/shm/x && echo y >/tmp/y && cat /tmp/y",
    },
  });
  await hardened.close();
  check(hostState() === before, `the host is as it was: ${before}`);

  const open = openAgent("default", {});
  const [openShell, openCalls] = [await shellResults(open), await callResults(open)];
  const openNobody = await open.run("suid-open", tellUser, "nobody");
  await open.close();

  SHELL_ATTEMPTS.forEach(({ name, open: isOpen }, at) => {
    const [got, said] = shell.get(at) ?? [true, "no answer"];
    const [gotOpen, saidOpen] = openShell.get(at) ?? [false, "no answer"];
    check(!got, `hardened: ${name}: ${got ? "THROUGH" : "denied"} ${said}`);
    check(gotOpen === isOpen, `default: ${name}: ${gotOpen ? "open" : "denied"} ${saidOpen}`);
  });
  for (const { name, number } of CALL_ATTEMPTS) {
    const [got, gotOpen] = [calls.get(number), openCalls.get(number)];
    check(got !== undefined && !through(got), `hardened: ${name}: errno ${got}; default: errno ${gotOpen}`);
  }
  const reached = CALL_ATTEMPTS.filter(({ number }) => through(openCalls.get(number))).length;
  check(
    reached >= CALL_ATTEMPTS.length - 6,
    `default: ${reached} of ${CALL_ATTEMPTS.length} calls reach the kernel`,
  );
  check(nobody.includes("euid: 65534"), `hardened: a setuid program gives nobody ${nobody.trim()}`);
  check(openNobody.includes("euid: 0"), `default: a setuid program gives nobody ${openNobody.trim()}`);
  check(
    /priority +30 +40/.test(limits) && limits.includes("\n0\n"),
    `hardened: root with rlimits: ${limits.trim()}`,
  );
  console.log(`a hardened task sees ${plain.trim().split(/\s+/).join(" ")}`);
  check(plain.trim().endsWith("y"), "hardened: /tmp and /dev/shm can be written");
}

if (process.argv[2] === "calls") tryCalls();
else {
  await main();
  checksDone();
}
