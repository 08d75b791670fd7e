import { describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerSpec } from "../../src/isolation/container.ts";
import { planLaunch } from "../../src/isolation/plan.ts";
import { supervisorCommand } from "../../src/isolation/supervisor-script.ts";
import type { Host } from "../../src/isolation/tools.ts";
import { FULL, POSIX, SPEC } from "./plan.test.ts";

function command(
  spec: ContainerSpec,
  host: Host,
  owner?: { uid: number; gid: number },
  recordPath = "/r/c1",
) {
  const plan = planLaunch(spec, host, owner);
  if (!plan.ok) throw new Error(plan.error.message);
  return supervisorCommand(plan.value, host, recordPath);
}

describe("the command line", () => {
  test("with everything, as another user", () => {
    const { argv, environment } = command(SPEC, FULL, { uid: 65534, gid: 65534 });
    expect(argv.join("\n")).toMatchInlineSnapshot(`
      "/usr/bin/unshare
      --fork
      --pid
      --mount
      --ipc
      --uts
      --propagation
      slave
      --mount-proc
      /bin/sh
      -c
      trap : HUP INT QUIT ABRT USR1 USR2 PIPE ALRM TERM TSTP TTIN TTOU VTALRM PROF XCPU XFSZ
      own_cgroup=$2 cgroup=$3; shift 3
      echo 0 >"$own_cgroup/cgroup.procs" || { echo "mesh: failed step: cgroup" >&2; exit 125; }
      (
      echo 0 >"$cgroup/cgroup.procs" || { echo "mesh: failed step: cgroup" >&2; exit 125; }
      echo "mesh: started" >&2 || { echo "mesh: failed step: record" >&2; exit 125; }
      exec 2>&3 3>&-
      exec /usr/bin/setsid /usr/bin/setpriv --reuid=65534 --regid=65534 --init-groups /bin/sh -c 'export "$mesh_env_0" "$mesh_env_1"; unset PWD OLDPWD SHLVL mesh_env_0 mesh_env_1; exec "$@"' mesh-task "$@"
      )
      status=$?
      printf "\\n%s\\n" "mesh: exit $status" >&2
      exit "$status"
      mesh-init
      /r/c1
      /cg/mesh/a/supervisors
      /cg/mesh/a/c1
      /bin/sh
      -c
      echo $HOME"
    `);
    expect(environment).toEqual({ mesh_env_0: "HOME=/s/c1", mesh_env_1: "PATH=/bin" });
  });

  test("with a network of its own", () => {
    const host = { ...FULL, tools: { ...FULL.tools, nsenter: "/usr/bin/nsenter" }, networks: "/r/networks" };
    const { argv } = command(
      { ...SPEC, network: { networks: [{ name: "web" }], hostname: "h", owner: "p1" } },
      host,
    );
    expect(argv.slice(0, 4)).toEqual([
      "/usr/bin/nsenter",
      "--net=/r/networks/p1/namespace",
      "--",
      "/usr/bin/unshare",
    ]);
    const failed = '|| { echo "mesh: failed step: network" >&2; exit 125; }';
    const script = argv.find((word) => word.includes("\n")) ?? "";
    expect(script.split("\n").slice(1, 6)).toEqual([
      `network="$\{1%/containers/*}/networks/p1"`,
      `read -r hostname <"$network/hostname" ${failed}`,
      `echo "$hostname" >/proc/sys/kernel/hostname ${failed}`,
      `/usr/bin/mount --all --fstab "$network/fstab" >&2 ${failed}`,
      "unset network hostname",
    ]);
  });

  test("without anything", () => {
    expect(command(SPEC, POSIX).argv.join("\n")).toMatchInlineSnapshot(`
      "/bin/sh
      -c
      trap : HUP INT QUIT ABRT USR1 USR2 PIPE ALRM TERM TSTP TTIN TTOU VTALRM PROF XCPU XFSZ
      own_cgroup=$2 cgroup=$3; shift 3
      stat="$$ $(ps -o lstart= -p $$)" || { echo "mesh: failed step: record" >&2; exit 125; }
      (
      self=
      printf "%s\\n%s\\n%s\\n" "mesh: supervisor $stat" "mesh: task $self" "mesh: started" >&2 || { echo "mesh: failed step: record" >&2; exit 125; }
      exec 2>&3 3>&-
      export "$mesh_env_0" "$mesh_env_1"; unset PWD OLDPWD SHLVL mesh_env_0 mesh_env_1
      exec "$@"
      )
      status=$?
      printf "\\n%s\\n" "mesh: exit $status" >&2
      exit "$status"
      mesh-supervisor
      /r/c1


      /bin/sh
      -c
      echo $HOME"
    `);
  });

  test("no value of a container is in the script text", () => {
    const nasty = `'"$(touch /tmp/x)\`;\\`;
    const spec: ContainerSpec = {
      ...SPEC,
      command: { kind: "exec", file: nasty, argv: [`${nasty}0`, nasty] },
      environment: [
        ["A", nasty],
        [nasty, nasty],
      ],
    };
    for (const owner of [undefined, { uid: 1, gid: 1 }]) {
      const { argv } = command(spec, FULL, owner);
      const scripts = argv.filter((word) => word.includes("trap :"));
      expect(scripts.length).toBe(1);
      for (const script of scripts) expect(script).not.toContain("touch");
      expect(argv.slice(-3)).toEqual([`${nasty}0`, nasty, nasty]);
    }
  });
});

/** Runs the posix form as it is on every system, macOS included: with each shell that is here. */
describe.each(["/bin/sh", "/bin/bash"].filter((shell) => Bun.which(shell) !== null))("run by %s", (shell) => {
  test.each([
    ["exit 0", 0],
    ["exit 3", 3],
    ["kill -9 $$", 137],
  ])("%s is recorded", async (script, status) => {
    const directory = mkdtempSync(join(tmpdir(), "mesh-script-"));
    const host: Host = { ...POSIX, tools: { ...POSIX.tools, shell } };
    const spec: ContainerSpec = { ...SPEC, command: { kind: "shell", script: `echo "$HOME"; ${script}` } };
    const { argv, environment } = command(spec, host);
    const stderr = openSync(join(directory, "stderr"), "a");
    const child = Bun.spawn([...argv], {
      env: { ...environment },
      stdio: ["ignore", "pipe", "pipe", stderr],
    });
    expect(await new Response(child.stdout).text()).toBe("/s/c1\n");
    expect(await child.exited).toBe(status);
    const record = await new Response(child.stderr).text();
    expect(record).toStartWith(`mesh: supervisor ${child.pid} `);
    expect(record).toContain("\nmesh: started\n");
    expect(record).toEndWith(`\nmesh: exit ${status}\n`);
    closeSync(stderr);
    rmSync(directory, { recursive: true });
  });
});
