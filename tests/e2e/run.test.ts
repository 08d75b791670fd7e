/** What a person does first: one binary in an empty directory, and a command run on it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import { BINARY, eventually, MeshProcess, mesh, TestCluster } from "./test-cluster.ts";

const HAS_IPV6 = Object.values(networkInterfaces()).some((at) =>
  at?.some(({ address }) => address === "::1"),
);

let directory: string;
let dev: MeshProcess;
let master: string;
let ports: string[];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "mesh-run-"));
  copyFileSync(BINARY, join(directory, "mesh"));
  const port = freePort();
  master = `127.0.0.1:${port}`;
  ports = ["--port", String(port), "--raft-port", String(freePort()), "--agent-port", String(freePort())];
  dev = new MeshProcess(directory, "dev", ["dev", "--dir", join(directory, "data"), ...ports]);
  await eventually("mesh dev to have an agent", async () => {
    const answer = await fetch(`http://${master}/slaves`);
    const { slaves } = (await answer.json()) as { slaves: { active: boolean }[] };
    return slaves.some((agent) => agent.active);
  });
});

afterAll(async () => {
  await dev.kill("SIGTERM");
  rmSync(directory, { recursive: true, force: true });
});

function run(...words: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return mesh(["run", "--master", master, ...words]);
}

describe("mesh run", () => {
  test("shows the output and ends with the command's status", async () => {
    const result = await run("--", "sh", "-c", "echo hello; echo oops >&2; exit 3");
    expect(result.stdout).toBe("hello\n");
    expect(result.stderr).toContain("oops\n");
    expect(result.stderr).toContain("Command exited with status 3");
    expect(result.status).toBe(3);
  });

  test("a command ended by a signal gives 128 and the signal's number", async () => {
    const result = await run("--quiet", "--", "sh", "-c", "kill -9 $$");
    expect(result.status).toBe(128 + 9);
  });

  test("a reader that leaves ends the task, as SIGPIPE would", async () => {
    const script = '"$0" run --quiet --master "$1" -- yes | head -n 1; echo $PIPESTATUS';
    const shell = Bun.spawn(["bash", "-c", script, BINARY, master], { stdout: "pipe", stderr: "pipe" });
    expect(await new Response(shell.stdout).text()).toBe("y\n141\n");
    expect(await new Response(shell.stderr).text()).toBe("");
  });

  test("variables, arguments with blanks and bytes that are not text arrive unchanged", async () => {
    const result = await run(
      "--quiet",
      "--env",
      "GREETING=a b  c",
      "--",
      "sh",
      "-c",
      'printf "%s|%s\\377" "$GREETING" "$1"',
      "sh",
      "x  y",
    );
    expect(result.stdout).toBe("a b  c|x  y\ufffd");
    expect(result.status).toBe(0);
  });

  test("files are fetched into the sandbox", async () => {
    const path = join(directory, "input.txt");
    writeFileSync(path, "from a file\n");
    const result = await run("--quiet", "--uri", path, "--", "cat", "input.txt");
    expect(result.stdout).toBe("from a file\n");
  });

  test("a file that is not there fails the task and says which", async () => {
    const result = await run("--uri", "/nowhere/at-all.txt", "--", "true");
    expect(result.status).toBe(1);
    expect(result.stderr).toContain("/nowhere/at-all.txt");
    expect(result.stderr).toContain("TASK_FAILED");
  });

  test("several instances run side by side, their lines marked", async () => {
    const result = await run("--quiet", "--instances", "3", "--", "sh", "-c", "echo I am $MESH_INSTANCE");
    expect(result.stdout.split("\n").filter(Boolean).sort()).toEqual([
      "[0] I am 0",
      "[1] I am 1",
      "[2] I am 2",
    ]);
    expect(result.status).toBe(0);
  });

  test("a megabyte of output comes whole", async () => {
    const result = await run("--quiet", "--", "sh", "-c", "seq 1 150000");
    expect(result.stdout.length).toBe(
      Array.from({ length: 150_000 }, (_, i) => `${i + 1}\n`).join("").length,
    );
    expect(result.stdout.endsWith("150000\n")).toBe(true);
  });

  test("a command that does not exist ends with 127 and says so", async () => {
    const result = await run("--", "no-such-command-here");
    expect(result.status).toBe(127);
    expect(result.stderr).toContain("no-such-command-here");
  });

  test("Ctrl-C kills the task and everything it started", async () => {
    const marker = `sleep 9${process.pid}71`;
    const child = Bun.spawn([BINARY, "run", "--master", master, "--", "sh", "-c", `${marker} & ${marker}`], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    await eventually("the task to run", () => processesWith(marker).length >= 2);
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    await eventually("its processes to be gone", () => processesWith(marker).length === 0);
  });

  test("Ctrl-C ends it also while some instances were never launched", async () => {
    const marker = `sleep 9${process.pid}72`;
    const { slaves } = (await (await fetch(`http://${master}/slaves`)).json()) as Slaves;
    const cpus = String((slaves[0]?.resources.cpus ?? 0) * 0.7);
    const words = ["run", "--master", master, "--cpus", cpus, "--instances", "3", "--", "sh", "-c", marker];
    const child = Bun.spawn([BINARY, ...words], { stdio: ["ignore", "ignore", "pipe"] });
    await eventually("one to run", () => processesWith(marker).length === 1);
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    await eventually("its process to be gone", () => processesWith(marker).length === 0);
  });

  test("leaves soon when no master is there to hear of the kill", async () => {
    await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
    const words = ["run", "--master", cluster.masterAddresses.join(","), "--", "sleep", `9${process.pid}73`];
    const children = [1, 2].map(() => Bun.spawn([BINARY, ...words], { stdio: ["ignore", "ignore", "pipe"] }));
    await eventually("both to run", () => processesWith(`sleep 9${process.pid}73`).length === 2);
    await cluster.masters[0]?.kill("SIGKILL");
    const [once, twice] = children as [(typeof children)[0], (typeof children)[0]];
    const begunMs = performance.now();
    once.kill("SIGTERM");
    twice.kill("SIGTERM");
    twice.kill("SIGINT");
    expect(await twice.exited).toBe(130);
    expect(performance.now() - begunMs).toBeLessThan(8_000);
    expect(await once.exited).toBe(130);
    expect(performance.now() - begunMs).toBeLessThan(30_000);
    expect(await new Response(once.stderr).text()).toContain("no master hears of it: tasks are killed when");
  }, 60_000);

  test("output that does not come is told of", async () => {
    await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
    await cluster.useAgent();
    const to = cluster.masterAddresses.join(",");
    const go = join(cluster.directory, "go");
    const script = `until [ -e ${go} ]; do sleep 0.02; done; echo late`;
    const running = mesh(["run", "--quiet", "--master", to, "--name", "late", "--", "sh", "-c", script]);
    await eventually("the task to run", async () =>
      (await mesh(["tasks", "--master", to])).stdout.includes("late  TASK_RUNNING"),
    );
    await cluster.agents[0]?.kill("SIGKILL");
    const place = ["--port", String(freePort()), "--work-dir", join(cluster.directory, "a0")];
    const own = [
      "--ip",
      "127.0.0.1",
      ...place,
      "--resources",
      "cpus:16;mem:8192;disk:1000;ports:[31000-31999]",
    ];
    cluster.agents.push(new MeshProcess(cluster.directory, "moved", ["agent", "--master", to, ...own]));
    writeFileSync(go, "");
    const { status, stdout, stderr } = await running;
    expect([status, stdout]).toEqual([0, ""]);
    expect(stderr).toMatch(
      /^mesh: some output of task late\.\w+ is missing: its agent at 127\.0\.0\.1:\d+ does not answer\n$/,
    );
  }, 60_000);

  test.skipIf(!HAS_IPV6)(
    "masters and agents at IPv6 addresses",
    async () => {
      const [port, ...others] = [freePort(), freePort(), freePort()].map(String) as [string, string, string];
      const at = ["--port", port, "--raft-port", others[0], "--agent-port", others[1]] as string[];
      const six = new MeshProcess(directory, "six", [
        "dev",
        "--ip",
        "::1",
        "--dir",
        join(directory, "six"),
        ...at,
      ]);
      try {
        const to = ["--master", `[::1]:${port}`];
        await eventually("an agent", async () => (await mesh(["agents", ...to])).stdout.includes("active"));
        const ran = await mesh(["run", ...to, "--", "sh", "-c", "echo $MESOS_AGENT_ENDPOINT"]);
        expect([ran.status, ran.stdout]).toEqual([0, `[::1]:${others[1]}\n`]);
        const task = /task (\S+) is TASK_FINISHED/.exec(ran.stderr)?.[1] ?? "";
        expect((await mesh(["logs", ...to, task])).stdout).toBe(ran.stdout);
      } finally {
        await six.kill("SIGTERM");
      }
    },
    30_000,
  );

  test("says what it waits for: room for more instances, or any offer at all", async () => {
    const [agent] = ((await (await fetch(`http://${master}/slaves`)).json()) as Slaves).slaves;
    const cpus = String((agent?.resources.cpus ?? 0) * 0.7);
    const told = async (text: string, ...words: string[]): Promise<void> => {
      const args = ["run", "--master", master, "--name", "wait", ...words];
      const child = Bun.spawn([BINARY, ...args], { stdio: ["ignore", "ignore", "pipe"] });
      const reader = child.stderr.getReader();
      for (let said = ""; !said.includes(text); ) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`It ended after '${said}'`);
        said += Buffer.from(value).toString();
      }
      child.kill("SIGINT");
      expect(await child.exited).toBe(130);
    };
    await told(
      "waiting for room for 2 of 3 instances",
      "--cpus",
      cpus,
      "--instances",
      "3",
      "--",
      "sleep",
      "1000",
    );
    const node = (action: string) => mesh(["node", action, agent?.id ?? "", "--master", master]);
    expect((await node("deactivate")).status).toBe(0);
    await told("none has come yet. See 'mesh agents' and 'mesh why \"mesh run wait\"'", "--", "true");
    expect((await node("reactivate")).status).toBe(0);
  }, 30_000);
});

interface Slaves {
  readonly slaves: readonly { readonly id: string; readonly resources: { readonly cpus: number } }[];
}

function processesWith(text: string): string[] {
  const found = Bun.spawnSync(["pgrep", "-f", `^${text}$`]).stdout.toString();
  return found.split("\n").filter(Boolean);
}

describe("other commands", () => {
  test("tasks, logs and kill work on a task that runs", async () => {
    const child = Bun.spawn(
      [BINARY, "run", "--master", master, "--name", "sleeper", "--", "sh", "-c", "echo started; sleep 1000"],
      {
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    const listed = await eventually("the task in mesh tasks", async () => {
      const { stdout } = await mesh(["tasks", "--master", master]);
      return stdout.split("\n").find((line) => line.startsWith("sleeper.") && line.includes("TASK_RUNNING"));
    });
    const id = listed.split(" ")[0] ?? "";
    await eventually("its output in mesh logs", async () => {
      return (await mesh(["logs", "--master", master, id])).stdout === "started\n";
    });
    const killed = await mesh(["kill", "--master", master, "--wait", id]);
    expect(killed.stdout).toContain("TASK_KILLED");
    expect(killed.status).toBe(0);
    expect(await child.exited).toBe(128 + 15);
    const json = JSON.parse((await mesh(["tasks", "--master", master, "--json"])).stdout) as {
      state: string;
    }[];
    expect(json.length).toBeGreaterThan(0);
  });

  test("logs are followed while no master is there", async () => {
    await using cluster = await TestCluster.start({ masters: 1, agents: 1 });
    await cluster.useAgent();
    const to = cluster.masterAddresses.join(",");
    const go = join(cluster.directory, "go");
    const script = `echo first; until [ -e ${go} ]; do sleep 0.02; done; echo last`;
    const running = mesh(["run", "--quiet", "--master", to, "--name", "told", "--", "sh", "-c", script]);
    const id = await eventually("the task to run", async () => {
      const { stdout } = await mesh(["tasks", "--master", to]);
      return /^(told\.\w+) +told +TASK_RUNNING/m.exec(stdout)?.[1];
    });
    const [said, errors] = [join(cluster.directory, "said"), join(cluster.directory, "errors")];
    const child = Bun.spawn([BINARY, "logs", "-f", "--master", to, id], {
      stdio: ["ignore", Bun.file(said), Bun.file(errors)],
    });
    await eventually("the beginning", () => readFileSync(said, "utf8") === "first\n");
    await cluster.masters[0]?.kill("SIGKILL");
    await eventually("word of it", () =>
      readFileSync(errors, "utf8").includes("no master answers; going on"),
    );
    writeFileSync(go, "");
    cluster.masters[0]?.start();
    expect([await child.exited, readFileSync(said, "utf8")]).toEqual([0, "first\nlast\n"]);
    expect((await running).status).toBe(0);
  }, 60_000);

  test("agents, frameworks and raft status answer in text and JSON", async () => {
    expect((await mesh(["agents", "--master", master])).stdout).toContain("active");
    const agents = JSON.parse((await mesh(["agents", "--master", master, "--json"])).stdout) as {
      agents: unknown[];
    };
    expect(agents.agents).toHaveLength(1);
    expect((await mesh(["frameworks", "--master", master])).stdout).toContain("mesh run");
    expect((await mesh(["raft", "status", "--master", master])).stdout).toContain("leader");
  });
});

describe("bad use gets one clear line", () => {
  const cases: [name: string, words: () => string[], status: number, text: string][] = [
    ["an unknown command", () => ["fly"], 2, "Unknown command 'fly'"],
    ["an unknown flag", () => ["agent", "--warp", "9"], 2, "Unknown flag '--warp'"],
    ["a port that is no number", () => ["master", "--port", "many"], 2, "Flag --port has the value 'many'"],
    ["a port out of range", () => ["master", "--port", "70000"], 2, "from 0 to 65535"],
    ["an address without a port", () => ["tasks", "--master", "here:and:there"], 2, "--master"],
    ["resources that cannot be read", () => ["agent", "--resources", "cpus:four"], 2, "cpus:four"],
    ["attributes that cannot be read", () => ["agent", "--attributes", "rack"], 2, "rack"],
    ["peers without this master", () => ["master", "--peers", "10.9.9.9:5060,10.9.9.8:5060"], 2, "--peers"],
    ["no command to run", () => ["run"], 2, "Missing the command"],
    ["a task that is not there", () => ["logs", "--master", master, "no-such-task"], 1, "no-such-task"],
    [
      "a directory that cannot be written",
      () => ["master", "--data-dir", "/proc/nowhere"],
      1,
      "/proc/nowhere",
    ],
    [
      "a port in use",
      () => ["dev", "--dir", join(directory, "other"), ...ports],
      1,
      "another process uses it",
    ],
    [
      "a second process on the same directory",
      () => [
        "master",
        "--ip",
        "127.0.0.1",
        "--port",
        "0",
        "--raft-port",
        String(freePort()),
        "--data-dir",
        join(directory, "data/master"),
      ],
      1,
      "another process uses it",
    ],
  ];
  for (const [name, words, status, text] of cases) {
    test(name, async () => {
      mkdirSync(join(directory, "cwd"), { recursive: true });
      const result = await mesh(words(), join(directory, "cwd"));
      const lines = result.stderr.split("\n").filter((line) => line.startsWith("mesh: "));
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain(text);
      expect(result.status).toBe(status);
    });
  }
});
