/** Inside a running task: `mesh exec` and `mesh attach`, on pipes and under a real terminal. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { present } from "../../src/base/assert.ts";
import { BINARY, eventually, mesh, TestCluster } from "./test-cluster.ts";
import { TestScheduler } from "./test-scheduler.ts";

const MEGABYTE = 1_000_000;
const CONSOLE =
  'trap \'stty size\' WINCH; echo ready; while :; do read -r a && echo "<$a>"; [ "$a" != end ] || exit 0; done';

let cluster: TestCluster;
let scheduler: TestScheduler;
let masters: string;

beforeAll(async () => {
  cluster = await TestCluster.start({ masters: 1, agents: 1 });
  scheduler = new TestScheduler(cluster.masterAddresses);
  masters = cluster.masterAddresses.join(",");
  const tty_info = { window_size: { rows: 30, columns: 90 } };
  await scheduler.launch([
    { id: "web", command: "export A=1; while :; do sleep 0.1; echo tick; done" },
    { id: "console", command: CONSOLE, more: { container: { type: "MESOS", tty_info } } },
  ]);
  for (const id of ["web", "console"]) {
    await eventually(`${id} to run`, () =>
      scheduler.told.get(id)?.some(({ state }) => state === "TASK_RUNNING"),
    );
  }
}, 60_000);

afterAll(async () => {
  await scheduler[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const words = (command: string, ...rest: string[]): string[] => [command, "--master", masters, ...rest];

describe("mesh exec", () => {
  test("runs in the task's container and ends with the command's status", async () => {
    const result = await mesh(
      words("exec", "web", "--", "sh", "-c", "echo $MESOS_SANDBOX; pwd; echo err >&2; exit 3"),
    );
    const [sandbox, directory] = result.stdout.split("\n");
    expect(directory).toBe(present(sandbox, "the first line"));
    expect(sandbox).toContain("/executors/web/runs/");
    expect(result.stderr).toBe("err\n");
    expect(result.status).toBe(3);
    const killed = await mesh(words("exec", "web", "--", "sh", "-c", "kill -9 $$"));
    expect(killed.status).toBe(128 + 9);
    const absent = await mesh(words("exec", "web", "--", "/no/such/program"));
    expect(absent.status).toBe(127);
  });

  test("sees the task's processes where there are namespaces", async () => {
    const { stdout } = await mesh(
      words("exec", "web", "--", "sh", "-c", "ps ax -o args= | grep -c '[e]cho tick'"),
    );
    expect(Number(stdout)).toBeGreaterThan(0);
  });

  test("hands ten megabytes of input on and back byte for byte", async () => {
    const sent = randomBytes(10 * MEGABYTE);
    const child = Bun.spawn([BINARY, ...words("exec", "-i", "web", "--", "cat")], {
      stdin: sent,
      stdout: "pipe",
      stderr: "inherit",
    });
    const received = await new Response(child.stdout).bytes();
    expect(Buffer.compare(received, sent)).toBe(0);
    expect(await child.exited).toBe(0);
  });

  test("without -i input is empty", async () => {
    expect((await mesh(words("exec", "web", "--", "wc", "-c"))).stdout.trim()).toBe("0");
  });

  test("a client that leaves ends the command", async () => {
    const child = Bun.spawn([BINARY, ...words("exec", "web", "--", "sh", "-c", "echo up; exec sleep 4321")], {
      stdout: "pipe",
    });
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("up\n");
    child.kill("SIGKILL");
    await eventually("the command to be gone", async () => {
      const { stdout } = await mesh(
        words("exec", "web", "--", "sh", "-c", "ps ax -o args= | grep '[s]leep 4321'"),
      );
      return stdout === "";
    });
  });

  test("a reader that stops slows the command down instead of filling the agent's memory", async () => {
    const child = Bun.spawn([BINARY, ...words("exec", "web", "--", "yes", "mesh-e2e-exec")], {
      stdout: "pipe",
    });
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill("SIGSTOP");
    const counted = async (): Promise<number> => {
      const script = "cat /proc/$(ps ax -o pid=,args= | awk '/[y]es mesh-e2e-exec/ { print $1; exit }')/io";
      const { stdout } = await mesh(words("exec", "web", "--", "sh", "-c", script));
      return Number(/wchar: (\d+)/.exec(stdout)?.[1]);
    };
    let last = -1;
    await eventually("the command to stand still", async () => {
      const now = await counted();
      const still = now > 0 && now === last;
      last = now;
      return still;
    });
    expect(last).toBeLessThan(40 * MEGABYTE);
    child.kill("SIGKILL");
    await child.exited;
  });

  test("what cannot be is said", async () => {
    expect(await mesh(words("exec", "nothing", "--", "true"))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("No task has the id 'nothing'"),
    });
    expect((await mesh(words("exec", "web"))).stderr).toContain("Missing the command to run");
    expect((await mesh(words("exec", "-it", "web", "--", "sh"))).stderr).toContain("is not a terminal");
  });
});

/** The binary in a terminal of its own. */
class InTerminal {
  shown = "";
  readonly child: Bun.Subprocess;
  readonly #terminal: Bun.Terminal;

  constructor(args: readonly string[]) {
    this.#terminal = new Bun.Terminal({
      cols: 101,
      rows: 33,
      data: (_, bytes) => {
        this.shown += new TextDecoder().decode(bytes);
      },
    });
    // Bun does not make a terminal that is handed over the controlling one.
    this.child = Bun.spawn(["setsid", "-c", "-w", BINARY, ...args], { terminal: this.#terminal });
  }

  type(text: string): void {
    this.#terminal.write(text);
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
  }

  async shows(text: string): Promise<void> {
    await eventually(
      `the terminal to show ${JSON.stringify(text)}, and not only ${JSON.stringify(this.shown)}`,
      () => this.shown.includes(text),
    );
  }

  async ends(): Promise<number> {
    const status = await this.child.exited;
    this.#terminal.close();
    return status;
  }
}

describe("in a terminal", () => {
  test("mesh exec -it: size, changes of it, Ctrl-C, Ctrl-D and the exit status", async () => {
    const shell = new InTerminal(words("exec", "-it", "web", "--", "sh"));
    shell.type("PS1='> '; stty size; echo $TERM-$((20 + 22))\r");
    await shell.shows("33 101");
    await shell.shows("-42");
    shell.resize(132, 50);
    await eventually("the new size to arrive", () => {
      shell.type("stty size\r");
      return shell.shown.includes("50 132");
    });
    const script =
      "trap 'echo caught-$((1+1)); exit' INT; echo waiting-$((1+1)); while :; do sleep 0.05; done";
    shell.type(`sh -c "${script.replaceAll("$", "\\$")}"\r`);
    await shell.shows("waiting-2");
    shell.type("\u0003");
    await shell.shows("caught-2");
    shell.type("(exit 9)\r\u0004");
    expect(await shell.ends()).toBe(9);
  });

  test("mesh attach -i: a task's own terminal, which is left by Ctrl-P Ctrl-Q", async () => {
    const first = new InTerminal(words("attach", "-i", "console"));
    await first.shows("33 101");
    first.type("one\r");
    await first.shows("<one>");
    const second = await mesh(words("attach", "-i", "console"));
    expect(second.stderr).toContain("somebody else gives it already");
    expect(second.status).toBe(1);
    first.type("\u0010\u0011");
    expect(await first.ends()).toBe(0);

    const agent = present(cluster.agents[0], "one");
    await agent.kill("SIGKILL");
    agent.start();
    await eventually("the agent to be back", async () => (await cluster.activeAgents()) === 1);
    const later = new InTerminal(words("attach", "-i", "console"));
    later.type("two\r");
    await later.shows("<two>");
    later.resize(132, 50);
    await later.shows("50 132");
    later.type("end\r");
    await later.shows("<end>");
    expect(await later.ends()).toBe(0);
    await eventually(
      "the task to finish",
      () => scheduler.told.get("console")?.at(-1)?.state === "TASK_FINISHED",
    );
    const { stdout } = await mesh(words("logs", "console"));
    expect(stdout).toContain("ready\r\n");
    expect(stdout).toContain("<end>\r\n");
  });

  test("mesh attach shows what a task without a terminal says from now on", async () => {
    const looker = Bun.spawn([BINARY, ...words("attach", "web")], { stdout: "pipe" });
    const reader = looker.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain("tick\n");
    looker.kill("SIGKILL");
    await looker.exited;
    const refused = await mesh(words("attach", "-i", "web"));
    expect(refused.stderr).toContain("has no terminal");
  });
});

// The last one: the agent is started again, but whoever spoke to it is not.
test("an agent that is away is said so, in one line, and is not taken for a lost sandbox", async () => {
  const agent = present(cluster.agents[0], "the agent");
  const open = ["exec", "attach"].map((command) => {
    const rest = command === "exec" ? ["web", "--", "sh", "-c", "echo up; sleep 1000"] : ["web"];
    return Bun.spawn([BINARY, ...words(command, ...rest)], { stdio: ["ignore", "pipe", "pipe"] });
  });
  for (const { stdout } of open) await stdout.getReader().read();
  await agent.kill("SIGKILL");
  for (const child of open) {
    expect(await child.exited).toBe(1);
    expect(await new Response(child.stderr).text()).toMatch(/^mesh: The agent at '.*' broke off.*\n$/);
  }
  const away = [words("exec", "web", "--", "true"), words("attach", "web"), words("logs", "web")];
  for (const command of away) {
    const { status, stderr } = await mesh(command);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^mesh: .*agent at '.*' does not answer.*\n$/),
    ]);
  }
  agent.start();
  await eventually("the agent to be back", async () => (await mesh(words("logs", "web"))).status === 0);
}, 30_000);
