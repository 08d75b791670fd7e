import { describe, expect, test } from "bun:test";
import type { ContainerSpec } from "../../src/isolation/container.ts";
import { describePlan, planLaunch } from "../../src/isolation/plan.ts";
import type { Host } from "../../src/isolation/tools.ts";

export const TOOLS = {
  shell: "/bin/sh",
  env: "/usr/bin/env",
  bash: "/usr/bin/bash",
  unshare: "/usr/bin/unshare",
  setsid: "/usr/bin/setsid",
  setpriv: "/usr/bin/setpriv",
  mount: "/usr/bin/mount",
};

export const FULL: Host = {
  tools: TOOLS,
  procfs: true,
  supervisorsCgroup: "/cg/mesh/a/supervisors",
  capabilities: {
    form: "linux",
    namespaces: ["pid", "mount", "ipc", "uts"],
    cgroupRoot: "/cg/mesh/a",
    switchUser: true,
    missing: [],
  },
};

export const POSIX: Host = {
  tools: { shell: "/bin/sh", env: "/usr/bin/env" },
  procfs: false,
  capabilities: { form: "posix", namespaces: [], switchUser: false, missing: ["no Linux"] },
};

export const SPEC: ContainerSpec = {
  containerId: "c1",
  sandbox: "/s/c1",
  command: { kind: "shell", script: "echo $HOME" },
  environment: [
    ["HOME", "/s/c1"],
    ["PATH", "/bin"],
  ],
  stdoutName: "stdout",
  stderrName: "stderr",
  uris: [],
  resources: { cpusMilli: 100, memBytes: 1, diskBytes: 1 },
  isolation: { namespaces: ["pid", "mount", "ipc", "uts"], cgroup: true },
};

const NOBODY = { uid: 65534, gid: 65534 };

function planText(spec: ContainerSpec, host: Host, owner?: { uid: number; gid: number }): string {
  const plan = planLaunch(spec, host, owner);
  return plan.ok ? describePlan(plan.value) : `${plan.error.step}: ${plan.error.message}`;
}

describe("plans", () => {
  const network = { networks: [{ name: "web" }], hostname: "web-1", owner: "c1" };

  test("a network of its own: joined last, entered first", () => {
    const tools = { ...TOOLS, nsenter: "/usr/bin/nsenter" };
    const plan = planText({ ...SPEC, network }, { ...FULL, tools, networks: "/r/networks" });
    expect(plan.split("\n").filter((line) => /network|spawn|unshare/.test(line))).toEqual([
      'agent      join-networks network={"networks":[{"name":"web"}],"hostname":"web-1","owner":"c1"}',
      'agent      spawn cwd="/s/c1" stdout="/s/c1/stdout" stderr="/s/c1/stderr"',
      'supervisor enter-network owner="c1" path="/r/networks/c1/namespace"',
      'init       use-network owner="c1"',
      'supervisor unshare namespaces=["pid","mount","ipc","uts"] mountProc=true',
    ]);
  });

  test("a network where there are none, or with an impossible host name", () => {
    expect(planText({ ...SPEC, network }, FULL)).toContain(
      'validate: Cannot join the network "web": this agent has none',
    );
    const odd = { ...network, hostname: "a b" };
    expect(planText({ ...SPEC, network: odd }, { ...FULL, networks: "/r/networks" })).toContain(
      'the hostname "a b"',
    );
  });

  test("root on Linux, another user, one URI", () => {
    const uris = [{ value: "/etc/hosts", executable: false, extract: true }];
    expect(planText({ ...SPEC, user: "nobody", uris }, FULL, NOBODY)).toMatchInlineSnapshot(`
      "agent      make-sandbox path="/s/c1"
      agent      make-cgroup path="/cg/mesh/a/c1"
      agent      create-output stdout="/s/c1/stdout" stderr="/s/c1/stderr"
      agent      fetch uris=[{"value":"/etc/hosts","executable":false,"extract":true}]
      agent      own-sandbox owner={"uid":65534,"gid":65534}
      agent      spawn cwd="/s/c1" stdout="/s/c1/stdout" stderr="/s/c1/stderr"
      agent      move-supervisor path="/cg/mesh/a/supervisors"
      supervisor unshare namespaces=["pid","mount","ipc","uts"] mountProc=true
      init       join-cgroup path="/cg/mesh/a/supervisors"
      task       join-cgroup path="/cg/mesh/a/c1"
      task       announce
      task       new-session
      task       switch-user owner={"uid":65534,"gid":65534}
      task       set-environment environment={"prefix":"mesh_env_","variables":[["HOME","…"],["PATH","…"]],"byEnv":[]}
      task       execute argv=["/bin/sh","-c","echo $HOME"]
      init       record-exit"
    `);
  });

  test("a machine without any of it", () => {
    expect(planText(SPEC, POSIX)).toMatchInlineSnapshot(`
      "agent      make-sandbox path="/s/c1"
      agent      spawn cwd="/s/c1" stdout="/s/c1/stdout" stderr="/s/c1/stderr"
      task       announce
      task       set-environment environment={"prefix":"mesh_env_","variables":[["HOME","…"],["PATH","…"]],"byEnv":[]}
      task       execute argv=["/bin/sh","-c","echo $HOME"]
      supervisor record-exit"
    `);
  });

  test("no pid namespace: no init and no /proc of its own", () => {
    const isolation = { namespaces: ["mount", "uts"], cgroup: false } as const;
    const text = planText({ ...SPEC, isolation }, FULL);
    expect(text).toContain('supervisor unshare namespaces=["mount","uts"] mountProc=false');
    expect(text).not.toContain("init ");
    expect(text).not.toContain("c1/cgroup");
  });

  test("variables that a shell cannot hold or would change go by env(1)", () => {
    const environment = [
      ["a.b", "1"],
      ["OK", "2"],
      ["PWD", "3"],
      ["mesh_env_0", "4"],
    ] as const;
    expect(planText({ ...SPEC, environment }, FULL)).toContain('"prefix":"mesh_env__"');
    expect(planText({ ...SPEC, environment }, FULL)).toContain('"byEnv":[0,2]');
  });

  test("another argv[0] is kept apart", () => {
    const command = { kind: "exec", file: "/bin/busybox", argv: ["ls", "-l"] } as const;
    expect(planText({ ...SPEC, command }, FULL)).toContain('execute argv0="ls" argv=["/bin/busybox","-l"]');
  });
});

test("a container id may have what a file name may", () => {
  expect(planText({ ...SPEC, containerId: "p.a:b,c+1@$é" }, FULL)).toContain("execute");
});

describe("what cannot be planned says why", () => {
  test("a user, where none can be switched to", () => {
    expect(planText({ ...SPEC, user: "nobody" }, POSIX, NOBODY)).toMatch(
      /^user: Cannot run as user "nobody"/,
    );
  });

  test("another argv[0] without bash", () => {
    const command = { kind: "exec", file: "/bin/busybox", argv: ["ls"] } as const;
    expect(planText({ ...SPEC, command }, POSIX)).toMatch(
      /^validate: Cannot execute "\/bin\/busybox" under the name "ls"/,
    );
  });

  test("a program with = beside a variable that needs env(1)", () => {
    const command = { kind: "exec", file: "./a=b", argv: ["./a=b"] } as const;
    const text = planText({ ...SPEC, command, environment: [["a.b", "1"]] }, FULL);
    expect(text).toMatch(/^validate: Cannot execute "\.\/a=b" with the environment variable "a\.b"/);
    expect(planText({ ...SPEC, command }, FULL)).toContain("execute");
  });

  test.each<[Partial<ContainerSpec>, string]>([
    [{ containerId: "" }, "cannot be a file name"],
    [{ containerId: "../x" }, "cannot be a file name"],
    [{ containerId: "a b" }, "cannot be a file name"],
    [{ containerId: `p.${"é".repeat(127)}` }, "has 256 bytes"],
    [{ containerId: "supervisors" }, "is reserved"],
    [{ sandbox: "s" }, "not an absolute path"],
    [{ stderrName: "a/b" }, "not a plain file name"],
    [{ command: { kind: "shell", script: "x".repeat(200_000) } }, "longer than 131071 bytes"],
    [{ environment: [["A", "€".repeat(50_000)]] }, 'variable "A" is longer than 131071 bytes'],
    [
      {
        environment: [
          ["A", "1"],
          ["A", "2"],
        ],
      },
      "given twice",
    ],
    [{ environment: [["", "1"]] }, "is not possible"],
    [{ environment: [["A", "x\0y"]] }, "has a NUL"],
  ])("%j", (more, message) => {
    const short = planText({ ...SPEC, ...more }, FULL);
    expect(short).toStartWith("validate: ");
    expect(short).toContain(message);
  });
});
