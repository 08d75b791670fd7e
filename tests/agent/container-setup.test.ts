import { describe, expect, test } from "bun:test";
import { type ContainerPolicy, DEFAULT_POLICY } from "../../src/agent/container-policy.ts";
import { containerSetup } from "../../src/agent/container-setup.ts";
import { CONTAINER_VOLUMES_MAX, SECRET_MAX_BYTES } from "../../src/base/limits.ts";
import type { ContainerInfo, LinuxInfo, Volume } from "../../src/model/v1/containers.ts";

const ALL = { namespaces: ["pid", "mount", "ipc", "uts"], cgroup: true };

function setup(
  container: Partial<ContainerInfo>,
  policy: Partial<ContainerPolicy> = {},
  user = "nobody",
): unknown {
  const made = containerSetup({ type: "MESOS", ...container }, user, { ...DEFAULT_POLICY, ...policy });
  return made.ok ? made.value : made.error;
}
const linux = (linux_info: LinuxInfo, policy: Partial<ContainerPolicy> = {}) => setup({ linux_info }, policy);

test("who asks for nothing is given nothing", () => {
  expect(containerSetup(undefined, "nobody")).toEqual({ ok: true, value: { isolation: ALL } as never });
});

describe("capabilities", () => {
  const CHOWN = { capabilities: ["CHOWN" as const] };

  test("of the operator bind those who name none", () => {
    expect(linux({}, { effective: [0], bounding: [0, 5] })).toMatchObject({
      privileges: { effective: [0], bounding: [0, 5] },
    });
    expect(linux({}, { bounding: [5] })).toMatchObject({ privileges: { bounding: [5] } });
  });

  test("that a task names are what it has, and its bound when there is no other", () => {
    const wanted = { effective: [0], bounding: [0] };
    expect(linux({ effective_capabilities: CHOWN })).toMatchObject({ privileges: wanted });
    expect(linux({ capability_info: CHOWN })).toMatchObject({ privileges: wanted });
    expect(linux({ effective_capabilities: CHOWN }, { bounding: [0, 1] })).toMatchObject({
      privileges: { effective: [0], bounding: [0, 1] },
    });
    expect(linux({ effective_capabilities: {} })).toMatchObject({
      privileges: { effective: [], bounding: [] },
    });
  });

  test("beyond the bound are refused", () => {
    expect(linux({ effective_capabilities: CHOWN }, { bounding: [5] })).toBe(
      "Requested capabilities CHOWN, but only KILL are allowed by the agent's bound",
    );
    expect(linux({ bounding_capabilities: CHOWN }, { bounding: [] })).toContain("but only none are allowed");
    expect(linux({ bounding_capabilities: {}, effective_capabilities: CHOWN })).toContain("its bounding set");
  });
});

test("seccomp: the agent's profile, the task's, or none", () => {
  const policy = { seccompProfile: "default" };
  expect(linux({}, policy)).toMatchObject({ privileges: { seccompProfile: "default" } });
  expect(linux({ seccomp: { profile_name: "mine" } }, policy)).toMatchObject({
    privileges: { seccompProfile: "mine" },
  });
  expect(linux({ seccomp: { unconfined: true } }, policy)).toEqual({ isolation: ALL });
  expect(linux({ seccomp: { unconfined: true, profile_name: "x" } })).toContain("give one of the two");
  expect(linux({ seccomp: { unconfined: true } }, { ...policy, unconfined: false })).toContain(
    "lets no task be without",
  );
});

describe("rlimits", () => {
  const limits = (...rlimits: NonNullable<NonNullable<ContainerInfo["rlimit_info"]>["rlimits"]>) =>
    setup({ rlimit_info: { rlimits } });

  test("with both bounds, or with none for unlimited", () => {
    expect(limits({ type: "RLMT_NOFILE", soft: 10, hard: 20 }, { type: "RLMT_CORE" })).toMatchObject({
      limits: [
        { name: "nofile", soft: 10, hard: 20 },
        { name: "core", soft: "unlimited", hard: "unlimited" },
      ],
    });
    expect(limits({ type: "RLMT_AS", soft: 1, hard: 2 ** 64 })).toMatchObject({
      limits: [{ hard: "unlimited" }],
    });
  });

  test.each([
    [{ type: "RLMT_CORE" as const, soft: 1 }, "has one bound"],
    [{ type: "RLMT_CORE" as const, soft: 2, hard: 1 }, "soft bound above"],
    [{ type: "UNKNOWN" as const }, "is not known"],
  ])("%j is refused", (limit, message) => expect(limits(limit)).toContain(message));

  test("given twice are refused", () => {
    expect(limits({ type: "RLMT_CORE" }, { type: "RLMT_CORE" })).toContain("given twice");
  });
});

const PARENT = { sandbox: "/parent", own: { containerId: "p", namespaces: ["pid", "ipc"] as const } };

describe("namespaces", () => {
  test("of its parent are shared when asked for, whatever the operator says of the agent's", () => {
    const policy = { ...DEFAULT_POLICY, sharePid: false, shareIpc: false, privateShm: true };
    const shares = (linux_info: LinuxInfo, parent = PARENT) =>
      containerSetup({ type: "MESOS", linux_info }, "nobody", policy, parent);
    expect(shares({ share_pid_namespace: true, ipc_mode: "SHARE_PARENT" })).toEqual({
      ok: true,
      value: { isolation: { namespaces: ["mount", "uts"], cgroup: true }, shared: PARENT.own },
    } as never);
    expect(shares({ share_pid_namespace: true })).toMatchObject({
      value: {
        isolation: { namespaces: ["mount", "ipc", "uts"] },
        shared: { containerId: "p", namespaces: ["pid"] },
      },
    });
    expect(shares({})).not.toHaveProperty("value.shared");
    // What it has from the agent is the agent's to give.
    const own = { containerId: "p", namespaces: ["pid"] as never };
    expect(shares({ ipc_mode: "SHARE_PARENT" }, { ...PARENT, own })).toMatchObject({
      error: "this agent does not let tasks share its ipc namespace",
    });
  });

  test("of the agent are shared when asked for", () => {
    expect(linux({ share_pid_namespace: true })).toMatchObject({
      isolation: { namespaces: ["mount", "ipc", "uts"] },
    });
    expect(linux({ ipc_mode: "SHARE_PARENT" }, { privateShm: true })).toEqual({
      isolation: { namespaces: ["pid", "mount", "uts"], cgroup: true },
    } as never);
  });

  test("are not when the operator forbids it", () => {
    expect(linux({ share_pid_namespace: true }, { sharePid: false })).toContain("pid namespace");
    expect(linux({ ipc_mode: "SHARE_PARENT" }, { shareIpc: false })).toContain("ipc namespace");
  });

  test("a private one has a /dev/shm of the size asked for", () => {
    const shm = { kind: "file-system", type: "tmpfs", target: "/dev/shm" };
    expect(linux({ ipc_mode: "PRIVATE", shm_size: 2 }, { shmBytes: 1 })).toMatchObject({
      mounts: [{ ...shm, options: "mode=1777,nosuid,nodev,noexec,size=2097152" }],
    });
    expect(linux({}, { privateShm: true, shmBytes: 4096 })).toMatchObject({
      mounts: [{ ...shm, options: "mode=1777,nosuid,nodev,noexec,size=4096" }],
    });
    expect(linux({ shm_size: 2 })).toContain("needs the ipc_mode PRIVATE");
  });
});

describe("volumes", () => {
  test("are so many at most: a launch that makes them one by one would hold the agent up", () => {
    const many = (count: number): Volume[] =>
      Array.from({ length: count }, (_, i) => ({ mode: "RW", container_path: `v${i}`, host_path: "d" }));
    expect(setup({ volumes: many(CONTAINER_VOLUMES_MAX) })).toHaveProperty("mounts");
    expect(setup({ volumes: many(CONTAINER_VOLUMES_MAX + 1) })).toBe(
      "the container asks for 1001 volumes; it can have 1000 at most",
    );
  });

  const volume = (more: Partial<Volume>, policy: Partial<ContainerPolicy> = {}, user = "nobody") =>
    setup({ volumes: [{ mode: "RW", container_path: "data", ...more }] }, policy, user);
  const host = (path: string) => ({ source: { type: "HOST_PATH" as const, host_path: { path } } });
  const sandbox = (path: string, type?: "SELF" | "PARENT") => ({
    source: {
      type: "SANDBOX_PATH" as const,
      sandbox_path: { path, ...(type === undefined ? {} : { type }) },
    },
  });

  const secret = (data: Uint8Array) => ({ source: { type: "SECRET" as const, secret: { value: { data } } } });

  test("of the host, in both forms", () => {
    const mount = { kind: "bind", source: "/srv/x", target: "data", readOnly: false, recursive: true };
    expect(volume({ host_path: "/srv/x" })).toMatchObject({ mounts: [mount] });
    expect(volume(host("/srv/x"))).toMatchObject({ mounts: [mount] });
    expect(volume({ ...host("/srv/x"), mode: "RO" })).toEqual({
      isolation: ALL,
      mounts: [{ kind: "bind", source: "/srv/x", target: "data", readOnly: true }],
    } as never);
  });

  test("that are missing on the host are made where the operator allows it", () => {
    const policy = { hostPathCreation: ["/srv", "/opt/"] };
    expect(volume(host("/srv/x"), policy)).toMatchObject({ mounts: [{ create: true }] });
    expect(volume(host("/opt/x/y"), policy)).toMatchObject({ mounts: [{ create: true }] });
    for (const path of ["/srvx", "/srv/../etc/x", "/etc/x"]) {
      expect(volume(host(path), policy)).not.toMatchObject({ mounts: [{ create: true }] });
    }
  });

  test("of the sandbox", () => {
    const mount = { kind: "bind", source: "shared/a", target: "data", readOnly: false };
    expect(volume(sandbox("shared/a"))).toMatchObject({ mounts: [mount] });
    expect(volume({ host_path: "shared/a" })).toMatchObject({ mounts: [mount] });
    expect(volume(sandbox("a", "PARENT"))).toContain("it has no parent");
    const nested = {
      type: "MESOS" as const,
      volumes: [{ mode: "RW" as const, container_path: "d", ...sandbox("a", "PARENT") }],
    };
    expect(containerSetup(nested, "nobody", DEFAULT_POLICY, PARENT)).toMatchObject({
      value: { mounts: [{ source: "a", sourceBase: "/parent" }] },
    });
  });

  test("of an image", () => {
    const docker = { name: "data:1", config: { value: { data: Buffer.from("{}") } } };
    const image = { name: "data:1", cached: false, dockerConfig: "{}" };
    expect(volume({ image: { type: "DOCKER", docker, cached: false } })).toMatchObject({
      mounts: [{ kind: "image", image, target: "data", readOnly: false }],
    });
    expect(volume({ image: { type: "DOCKER", docker: { name: "a" } }, mode: "RO" })).toMatchObject({
      mounts: [{ image: { name: "a", cached: true }, readOnly: true }],
    });
  });

  test("of secrets, whose bytes are beside the mounts", () => {
    const [one, two] = [new Uint8Array([0, 255]), new Uint8Array()];
    const volumes: Volume[] = [
      { mode: "RO", container_path: "a/key", ...secret(one) },
      { mode: "RW", container_path: "b", ...host("/srv") },
      { mode: "RW", container_path: "empty", ...secret(two) },
    ];
    expect(setup({ volumes })).toMatchObject({
      mounts: [
        { kind: "secret", bytes: 2, target: "a/key", readOnly: true },
        { kind: "bind" },
        { kind: "secret", bytes: 0, target: "empty", readOnly: false },
      ],
      secrets: [one, two],
    });
  });

  test("a secret has a bound", () => {
    expect(volume(secret(new Uint8Array(SECRET_MAX_BYTES)))).toMatchObject({ mounts: [{ kind: "secret" }] });
    const more = volume(secret(new Uint8Array(SECRET_MAX_BYTES + 1)));
    expect(more).toContain(`there may be ${SECRET_MAX_BYTES}`);
  });

  test("an absolute path is for those who gain nothing by covering files of the host", () => {
    const absolute = { ...host("/srv/x"), container_path: "/mnt/x" };
    expect(volume(absolute)).toContain("would cover a directory of the host");
    for (const [policy, user] of [
      [{}, "root"],
      [{}, ""],
      [{ noNewPrivileges: true }, "nobody"],
    ] as const) {
      expect(volume(absolute, policy, user)).toMatchObject({ mounts: [{ target: "/mnt/x" }] });
    }
  });

  test.each<[Partial<Volume>, string]>([
    [{ ...host("x") }, "which is not absolute"],
    [{ ...host("/x"), container_path: "../x" }, "plain names joined by slashes"],
    [{ ...sandbox("../x") }, "plain names joined by slashes"],
    [{ ...sandbox("/x") }, "plain names joined by slashes"],
    [{ image: { type: "DOCKER" } }, "not of the type DOCKER"],
    [{ image: { type: "APPC", appc: { name: "x" } } }, "not of the type DOCKER"],
    [{}, "is of the type UNKNOWN"],
    [{ source: { type: "SECRET" } }, "give it by value"],
    [{ source: { type: "SECRET", secret: { type: "REFERENCE", reference: { name: "x" } } } }, "by value"],
    [{ ...secret(new Uint8Array()), container_path: "../x" }, "plain names joined by slashes"],
    [
      {
        source: {
          type: "HOST_PATH",
          host_path: { path: "/x", mount_propagation: { mode: "BIDIRECTIONAL" } },
        },
      },
      "bidirectional",
    ],
  ])("%j is refused", (more, message) => expect(volume(more)).toContain(message));
});

test("a private /tmp is a directory of the sandbox", () => {
  expect(setup({}, { privateTmp: true })).toMatchObject({
    mounts: [
      { source: ".tmp/0", target: "/tmp", sourceMode: 0o1777 },
      { source: ".tmp/1", target: "/var/tmp", sourceMode: 0o1777 },
    ],
  });
});
