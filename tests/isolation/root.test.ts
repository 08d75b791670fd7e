import { describe, expect, test } from "bun:test";
import type { ContainerSpec } from "../../src/isolation/container.ts";
import { describePlan, planLaunch } from "../../src/isolation/plan.ts";
import { supervisorCommand } from "../../src/isolation/supervisor-script.ts";
import type { Host } from "../../src/isolation/tools.ts";
import { FULL, POSIX, SPEC, TOOLS } from "./plan.test.ts";

const HOST: Host = { ...FULL, tools: { ...TOOLS, self: ["/opt/my mesh"] } };
const ROOTED: ContainerSpec = {
  ...SPEC,
  command: { kind: "exec", file: "app", argv: ["its name", "x"] },
  user: "nobody",
  volumes: [{ source: "/volumes/v", target: "kept/data" }],
  root: {
    source: {
      kind: "overlay",
      layersDirectory: "/store/layers",
      layers: ["b", "a"],
      upper: "/c/upper",
      work: "/c/work",
    },
    directory: "/c/root",
    sandbox: "/mnt/mesos/sandbox",
    workingDirectory: "/srv",
  },
};
const NOBODY = { uid: 65534, gid: 65534 };

function problemOf(spec: ContainerSpec, host: Host): string {
  const plan = planLaunch(spec, host, undefined);
  return plan.ok ? "" : plan.error.message;
}

describe("a container with a root of its own", () => {
  test("is entered by the agent's own program, which does what others have steps for", () => {
    const plan = planLaunch(ROOTED, HOST, NOBODY);
    const steps = plan.ok
      ? describePlan(plan.value)
          .split("\n")
          .map((line) => line.split(/ +/).slice(0, 2).join(" "))
      : [];
    // pid 1 must not hold a directory of the host.
    expect(plan.ok && plan.value.steps.find((step) => step.do === "spawn")).toMatchObject({ cwd: "/" });
    expect(steps).toEqual([
      ...["agent make-sandbox", "agent make-volumes", "agent make-cgroup", "agent create-output"],
      ...[
        "agent own-sandbox",
        "agent spawn",
        "agent move-supervisor",
        "supervisor unshare",
        "init join-cgroup",
      ],
      ...["task enter-root", "task set-environment", "task execute", "init record-exit"],
    ]);
  });

  test("its program's words, place and user travel beside the script", () => {
    const plan = planLaunch(ROOTED, HOST, NOBODY);
    if (!plan.ok) throw new Error(plan.error.message);
    const { argv, environment } = supervisorCommand(plan.value, HOST, "/run/containers/c1");
    expect(argv.slice(-5)).toEqual(["/opt/my mesh", "enter-root", "its name", "app", "x"]);
    expect(JSON.parse(environment["mesh_program"] ?? "")).toEqual({
      prefix: "mesh_env_",
      variables: 2,
      renamed: true,
    });
    expect(JSON.parse(environment["mesh_root"] ?? "")).toMatchObject({
      root: ROOTED.root,
      sandbox: "/s/c1",
      cgroup: "/cg/mesh/a/c1",
      user: { name: "nobody", ...NOBODY },
      mounts: [{ kind: "bind", source: "/volumes/v", target: "kept/data", readOnly: false, recursive: true }],
    });
  });

  test("is refused where it cannot be made", () => {
    expect(problemOf(ROOTED, FULL)).toContain("this agent is set up without images");
    expect(problemOf(ROOTED, { ...POSIX, tools: HOST.tools })).toContain("needs pid and mount namespaces");
    const { root: _none, ...plain } = ROOTED;
    const unjoined = { ...plain, command: { kind: "image", shell: false, arguments: [] } } as const;
    expect(problemOf(unjoined, HOST)).toContain("The image that the command belongs to is not here");
  });
});
