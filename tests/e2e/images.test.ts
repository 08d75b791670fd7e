/** Images from Debian's docker-registry to tasks that ran in them, on the binary. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerInfo, Volume } from "../../src/model/v1/containers.ts";
import type { TaskInfo, TaskState } from "../../src/model/v1/tasks.ts";
import { DockerRegistry } from "../support/docker-registry.ts";
import { mayRun } from "../support/must-run.ts";
import type { TarEntry } from "../support/tar-writer.ts";
import { makeImage, makeIndex, OWN_ARCHITECTURE, type TestImage } from "../support/test-image.ts";
import { TestRegistry } from "../support/test-registry.ts";
import { eventually, mesh, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

const BUSYBOX = ["/usr/bin/busybox", "/bin/busybox"].find((path) => existsSync(path));
const possible = process.getuid?.() === 0 && BUSYBOX !== undefined && Bun.which("docker-registry") !== null;

/** One static program and nothing else: no shell, no libraries, no directories that a system has. */
const program = (name: string): TarEntry => ({
  name,
  mode: 0o755,
  content: BUSYBOX === undefined ? "" : readFileSync(BUSYBOX),
});

describe.skipIf(!mayRun(possible))("images", () => {
  let directory: string;
  let open: DockerRegistry;
  let basic: DockerRegistry;
  let token: DockerRegistry;
  let cluster: TestCluster;
  let scheduler: TestScheduler;
  let distroless: TestImage;
  let sharing: TestImage;
  let tasks = 0;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "mesh-images-"));
    open = await DockerRegistry.start(join(directory, "open"), "none");
    basic = await DockerRegistry.start(join(directory, "basic"), "basic");
    token = await DockerRegistry.start(join(directory, "token"), "token");
    const base = [program("cat"), { name: "greeting", content: "hello\n" }, { name: "gone", content: "x" }];
    distroless = makeImage({ layers: [base], config: { Entrypoint: ["/cat"], Cmd: ["/greeting"] } });
    sharing = makeImage({
      layers: [base, [{ name: ".wh.gone" }, program("env"), program("sleep"), program("ls")]],
      config: { Cmd: ["/env"], Env: ["PATH=/", "OF_IMAGE=1", "OVER=image"], WorkingDir: "/made/here" },
    });
    await open.push("distroless", "latest", distroless);
    await open.push("team/sharing", "1", sharing);
    for (const registry of [basic, token]) await registry.push("private", "1", distroless);
    const auths = [basic, token].map(
      ({ dockerConfig }) => (JSON.parse(dockerConfig) as { auths: object }).auths,
    );
    const config = join(directory, "config.json");
    writeFileSync(config, JSON.stringify({ auths: Object.assign({}, ...auths) }));
    cluster = await TestCluster.start({
      masters: 1,
      agents: 1,
      agentFlags: [
        ...["--enforce-container-disk-quota", "--container-disk-watch-interval", "100ms"],
        "--docker-registry",
        `http://${open.host}`,
        "--docker-config",
        `file://${config}`,
      ],
    });
    scheduler = new TestScheduler(cluster.masterAddresses);
  }, 60_000);

  afterAll(async () => {
    await scheduler?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
    for (const registry of [open, basic, token]) await registry?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const storeDirectory = (name: string): string => join(cluster.directory, "a0/images", name);

  async function launch(
    image: string,
    command: { readonly value?: string; readonly arguments?: string[]; readonly shell?: boolean } = {},
    environment: Readonly<Record<string, string>> = {},
    others: Partial<TaskInfo> = {},
  ): Promise<string> {
    const id = `image-${++tasks}`;
    const container: ContainerInfo = {
      type: "MESOS",
      mesos: { image: { type: "DOCKER", docker: { name: image } } },
    };
    const variables = Object.entries(environment).map(([name, value]) => ({ name, value }));
    const more = { ...others, container, command: { shell: false, ...command, environment: { variables } } };
    await scheduler.launch([{ id, command: "", more }]);
    return id;
  }

  async function state(id: string, wanted: TaskState): Promise<string> {
    await eventually(`${wanted} of ${id}`, () => {
      const now = scheduler.stateOf(id);
      if (now !== wanted && now !== undefined && ["TASK_FAILED", "TASK_FINISHED"].includes(now)) {
        throw new Error(`${id} is ${now}: ${scheduler.told.get(id)?.at(-1)?.message}`);
      }
      return now === wanted;
    }).catch((error: unknown) => {
      throw new Error(
        `${error}; ${JSON.stringify(scheduler.told.get(id)?.at(-1)?.message)}\n${cluster.logTails()}`,
      );
    });
    return scheduler.told.get(id)?.at(-1)?.message ?? "";
  }

  /** Of an ended task: what its run left in its sandbox. */
  function output(id: string, name = "stdout"): string {
    const glob = new Bun.Glob(`a0/slaves/*/frameworks/*/executors/${id}/runs/latest/${name}`);
    const [path = ""] = [...glob.scanSync({ cwd: cluster.directory, followSymlinks: true })];
    return readFileSync(join(cluster.directory, path), "utf8");
  }

  test("mesh run: what the image runs, and a command of the user's with a directory of the machine", async () => {
    const run = (...words: string[]) =>
      mesh(["run", "--master", cluster.masterAddresses.join(","), "--quiet", ...words]);
    expect(await run("--image", "distroless")).toEqual({ status: 0, stdout: "hello\n", stderr: "" });
    writeFileSync(join(directory, "of-machine"), "from the machine\n");
    const volume = ["--volume", `${directory}:/there:ro`];
    expect(await run("--image", "distroless", ...volume, "--", "/cat", "/there/of-machine")).toEqual({
      status: 0,
      stdout: "from the machine\n",
      stderr: "",
    });
  }, 60_000);

  test("a program without a shell runs as its image says", async () => {
    const id = await launch("distroless");
    await state(id, "TASK_FINISHED");
    expect(output(id)).toBe("hello\n");
  });

  test("with arguments in place of the image's own, and in a directory that is made", async () => {
    const environment = { OVER: "task", MINE: "x" };
    const id = await launch("team/sharing:1", {}, environment);
    await state(id, "TASK_FINISHED");
    const table = Object.fromEntries(
      output(id)
        .trim()
        .split("\n")
        .map((line) => line.split("=")),
    );
    expect(table).toMatchObject({
      OF_IMAGE: "1",
      OVER: "task",
      MINE: "x",
      PATH: "/",
      MESOS_SANDBOX: "/mnt/mesos/sandbox",
    });
    expect(table["MESOS_DIRECTORY"]).toContain(`/executors/${id}/runs/`);
    const listed = await launch("team/sharing:1", {
      value: "ls",
      arguments: ["ls", "-a", ".", "/", "/mnt/mesos/sandbox"],
    });
    await state(listed, "TASK_FINISHED");
    expect(output(listed).replaceAll(/\s+/g, " ")).toBe(
      ".: . .. / : . .. cat dev env etc greeting ls made mnt proc sleep sys /mnt/mesos/sandbox: . .. stderr stdout ".replace(
        "/ :",
        "/:",
      ),
    );
  });

  test("layers are fetched once for all images and tasks", async () => {
    const ids = await Promise.all(
      ["distroless", "team/sharing:1", "team/sharing:1"].map((name) => launch(name)),
    );
    for (const id of ids) await state(id, "TASK_FINISHED");
    expect([...distroless.layerDigests, ...sharing.layerDigests].map((digest) => open.sent(digest))).toEqual([
      1, 1, 1,
    ]);
  });

  test("registries that ask for a password, or for a token, are told", async () => {
    for (const registry of [basic, token]) {
      const id = await launch(`${registry.host}/private:1`);
      await state(id, "TASK_FINISHED");
      expect(registry.log).toContain(" 401 ");
    }
  });

  test("of a manifest list comes this machine's image", async () => {
    const other = makeImage({
      layers: [[program("false")]],
      config: { Cmd: ["/false"] },
      architecture: "s390x",
    });
    await open.push("many", "other", other);
    await open.push("many", "own", distroless);
    await open.pushManifest(
      "many",
      "1",
      makeIndex([
        ["s390x", other],
        [OWN_ARCHITECTURE, distroless],
      ]),
    );
    await state(await launch("many:1"), "TASK_FINISHED");
  });

  test("what is not there, damaged, or not executable fails with the reason", async () => {
    const missing = await state(await launch("nowhere:3"), "TASK_FAILED");
    expect(missing).toContain(
      `GET http://${open.host}/v2/nowhere/manifests/3: 404 Not Found (MANIFEST_UNKNOWN`,
    );
    const bad = makeImage({
      layers: [[{ name: "only-here", content: "x".repeat(1_000) }]],
      config: { Cmd: ["/x"] },
    });
    await open.push("bad", "1", bad);
    const [layer = ""] = bad.layerDigests;
    const bytes = readFileSync(open.blobPath(layer));
    bytes[bytes.length - 9] = (bytes[bytes.length - 9] ?? 0) ^ 1;
    writeFileSync(open.blobPath(layer), bytes);
    expect(await state(await launch("bad:1"), "TASK_FAILED")).toContain(`layer ${layer} is damaged`);
    const shell = await launch("distroless", { shell: true, value: "echo" });
    await state(shell, "TASK_FAILED");
    expect(output(shell, "stderr")).toContain('cannot execute "/bin/sh"');
    expect(scheduler.told.get(shell)?.at(-1)?.message).toContain("exited with status 127");
  });

  test("a health check by a command runs in the image, with its variables", async () => {
    const value = { shell: false, value: "ls", arguments: ["ls", "/greeting"] };
    const health_check = {
      type: "COMMAND",
      command: value,
      delay_seconds: 0,
      interval_seconds: 0.2,
    } as const;
    const id = await launch(
      "team/sharing:1",
      { value: "/sleep", arguments: ["sleep", "1000"] },
      {},
      { health_check },
    );
    await eventually("the task to be healthy", () => scheduler.told.get(id)?.at(-1)?.healthy === true);
    expect(output(id, "stderr")).toContain("/greeting");
    await kill(id);
  });

  test("what a task writes in its image counts as its disk", async () => {
    await open.push("writer", "1", makeImage({ layers: [[program("dd")]] }));
    const amounts = { cpus: 0.05, mem: 32, disk: 1 };
    const resources = Object.entries(amounts).map(([name, value]) => ({
      name,
      type: "SCALAR" as const,
      scalar: { value },
    }));
    // In small pieces, so that it is seen before it is done.
    const words = ["dd", "if=/dev/zero", "of=/big", "bs=16", "count=100000000"];
    const id = await launch("writer:1", { value: "/dd", arguments: words }, {}, { resources });
    expect(await state(id, "TASK_FAILED")).toContain("exceeds quota (1MB)");
    expect(scheduler.told.get(id)?.at(-1)?.reason).toBe("REASON_CONTAINER_LIMITATION_DISK");
  }, 30_000);

  test("tasks outlive the agent; their files go with them, unused layers when they are pruned", async () => {
    const id = await launch("team/sharing:1", { value: "/sleep", arguments: ["sleep", "1000"] });
    await state(id, "TASK_RUNNING");
    const [agent] = cluster.agents;
    await agent?.kill("SIGKILL");
    agent?.start();
    await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
    expect(readdirSync(storeDirectory("containers")).length).toBe(1);
    const layers = (): number =>
      readdirSync(storeDirectory("layers")).filter((name) => !name.endsWith(".json")).length;
    await prune();
    expect(layers()).toBe(2);
    expect(scheduler.stateOf(id)).toBe("TASK_RUNNING");
    await kill(id);
    await eventually(
      "the container's files to go",
      () => readdirSync(storeDirectory("containers")).length === 0,
    );
    await prune();
    expect(layers()).toBe(0);
  });

  test("images and secrets are volumes of tasks, also over a restart of the agent, and go with them", async () => {
    const id = `image-${++tasks}`;
    const image = { type: "DOCKER" as const, docker: { name: "team/sharing:1" } };
    const secret = { type: "VALUE" as const, value: { data: Buffer.from("of the vault") } };
    const volumes: Volume[] = [
      { mode: "RO", container_path: "ro", image },
      { mode: "RW", container_path: "rw", image },
      { mode: "RO", container_path: "keys/one", source: { type: "SECRET", secret } },
    ];
    const look =
      "{ cat ro/greeting rw/new keys/one; ls rw | wc -l; echo x >ro/new || echo refused; ls rw/gone || echo hidden; } >seen 2>&1";
    const command = `echo own >rw/new; : >up; until [ -e go ]; do sleep 0.05; done; ${look}; sleep 1000`;
    await scheduler.launch([{ id, command, more: { container: { type: "MESOS", volumes } } }]);
    await state(id, "TASK_RUNNING");
    const glob = new Bun.Glob(`a0/slaves/*/frameworks/*/executors/${id}/runs/latest`);
    const [run = ""] = [...glob.scanSync({ cwd: cluster.directory, onlyFiles: false, followSymlinks: true })];
    const sandbox = join(cluster.directory, run);
    await eventually("the task to write", () => existsSync(join(sandbox, "up")));
    const [agent] = cluster.agents;
    await agent?.kill("SIGKILL");
    agent?.start();
    await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
    expect(readdirSync(storeDirectory("containers")).length).toBe(2);
    await prune();
    writeFileSync(join(sandbox, "go"), "");
    await eventually("the task to look", () => readSeen(sandbox).includes("hidden"));
    const [greeting, own, vault, refused] = readSeen(sandbox).split("\n");
    expect([greeting, own]).toEqual(["hello", "own"]);
    // Layers of four programs, a directory, and its own file.
    expect(vault).toBe("of the vault6");
    expect(refused).toContain("Read-only file system");
    for (const name of ["ro/greeting", "rw/new"]) expect(existsSync(join(sandbox, name))).toBe(false);
    expect(readFileSync(join(sandbox, "keys/one"), "utf8")).toBe("");
    for (const address of [...cluster.masterAddresses, ...cluster.agentAddresses]) {
      const shown = await (await fetch(`http://${address}/state`)).text();
      expect(shown).toContain("keys/one");
      expect(shown).not.toContain(Buffer.from("of the vault").toString("base64"));
    }
    await kill(id);
    await eventually("its files to go", () => readdirSync(storeDirectory("containers")).length === 0);
  }, 60_000);

  test("a container inside a task's, by call, has an image of its own", async () => {
    const id = `image-${++tasks}`;
    await scheduler.launch([{ id, command: "sleep 1000" }]);
    await state(id, "TASK_RUNNING");
    const parent = scheduler.told.get(id)?.at(-1)?.container_status?.container_id;
    const container_id = { value: "inside", parent };
    const image = { type: "DOCKER", docker: { name: "distroless" } };
    const call = async (type: string, body: object): Promise<[number, string]> => {
      const answer = await fetch(`http://${cluster.agentAddresses[0]}/api/v1`, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({ type, [type.toLowerCase()]: { container_id, ...body } }),
      });
      return [answer.status, await answer.text()];
    };
    const launch = { command: { shell: false }, container: { type: "MESOS", mesos: { image } } };
    expect(await call("LAUNCH_CONTAINER", launch)).toEqual([200, ""]);
    expect((await call("WAIT_CONTAINER", {}))[1]).toContain('"exit_status":0');
    expect(output(id, "containers/inside/stdout")).toBe("hello\n");
    expect((await call("REMOVE_CONTAINER", {}))[0]).toBe(200);
    await kill(id);
    await eventually("its files to go", () => readdirSync(storeDirectory("containers")).length === 0);
  });

  function readSeen(sandbox: string): string {
    return existsSync(join(sandbox, "seen")) ? readFileSync(join(sandbox, "seen"), "utf8") : "";
  }

  test("a pull that takes long is told of in the task's status, and by mesh tasks", async () => {
    const held = Promise.withResolvers<void>();
    const slow = new TestRegistry("none", { hold: { afterBytes: 300_000, until: held.promise } });
    try {
      slow.add("slow", "1", makeImage({ layers: [[program("cat")]], compression: "none" }));
      const name = `${slow.host}/slow:1`;
      const id = await launch(name, { value: "/cat", arguments: ["cat", "/dev/null"] });
      await eventually(
        "how far it is",
        () => scheduler.told.get(id)?.at(-1)?.message?.includes(" MB, 0 of 1") === true,
      );
      expect(scheduler.told.get(id)?.at(-1)).toMatchObject({ state: "TASK_STAGING", source: "SOURCE_AGENT" });
      const { stdout } = await mesh(["tasks", "--master", cluster.masterAddresses.join(",")]);
      expect(stdout).toMatch(
        new RegExp(`${id} .*Pulling the image "${name}": 0\\.3 of [0-9.]+ MB, 0 of 1 layers`),
      );
      held.resolve();
      await state(id, "TASK_FINISHED");
    } finally {
      held.resolve();
      await slow.stop();
    }
  }, 60_000);

  async function kill(id: string): Promise<void> {
    const agentId = scheduler.told.get(id)?.at(-1)?.agent_id;
    const task = { task_id: { value: id }, ...(agentId === undefined ? {} : { agent_id: agentId }) };
    await scheduler.client.call({ type: "KILL", kill: task });
    await state(id, "TASK_KILLED");
  }

  async function prune(): Promise<void> {
    const answer = await fetch(`http://${cluster.agentAddresses[0]}/api/v1`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ type: "PRUNE_IMAGES", prune_images: { excluded_images: [] } }),
    });
    expect(answer.status).toBe(200);
  }
});
