/** docs/operations/masters.md: what the page tells operators to type does what the page says. */
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, existsSync, rmSync } from "node:fs";
import type { RaftStatus } from "../../src/master/port.ts";
import { mayRun } from "../support/must-run.ts";
import { Machines } from "./machines.ts";
import { namespacesWork } from "./net-namespaces.ts";
import { Page } from "./page-commands.ts";
import { oldBinary } from "./previous-level.ts";
import { BINARY, eventually } from "./test-cluster.ts";

const TIMEOUT_MS = 90_000;
/** Where a test runs what "any machine" may run. */
const DESK = "m4";
const MASTERS = ["m1", "m2", "m3"];

const possible = namespacesWork();
const page = new Page("docs/operations/masters.md");

function story(name: string, body: (cluster: Operator) => Promise<void>): void {
  const run = async (): Promise<void> => {
    await using machines = new Machines(4);
    try {
      await body(new Operator(machines));
    } catch (error) {
      console.error(machines.logTails());
      throw error;
    }
  };
  test.skipIf(!mayRun(possible))(name, run, TIMEOUT_MS);
}

/** Follows the page, looking where it says to look. */
class Operator {
  readonly machines: Machines;
  /** Start lines by machine, to start again "with its flags of before". */
  readonly started = new Map<string, string>();

  constructor(machines: Machines) {
    this.machines = machines;
  }

  /** Runs the page's next command of a section, on the machine named there or on `where`. */
  async does(heading: string, beginning: string, where?: string): Promise<string> {
    const { place, line } = page.next(heading, beginning);
    const machine = where ?? (place === "any machine" ? DESK : place);
    if (!line.startsWith("mesh master ")) return this.machines.must(machine, line);
    this.started.set(machine, line);
    this.machines.start(machine, line);
    return "";
  }

  startAgain(machine: string): void {
    this.machines.start(machine, this.started.get(machine) ?? "");
  }

  /** The first three of the page; `sections` may be used once only, so a story may bring its own lines. */
  async startThree(): Promise<void> {
    for (const name of MASTERS) {
      const peers = MASTERS.map((one) => `${one}:5060`).join(",");
      const line = `mesh master --advertise ${name}:5050 --peers ${peers} --data-dir /var/lib/mesh-master`;
      this.started.set(name, line);
      this.machines.start(name, line);
    }
    await this.machines.run(DESK, "export MESH_MASTER=m1:5050,m2:5050,m3:5050");
    await this.leader();
  }

  async views(): Promise<{ address: string; status?: RaftStatus }[]> {
    const { stdout } = await this.machines.run(DESK, "mesh raft status --json");
    return JSON.parse(stdout) as { address: string; status?: RaftStatus }[];
  }

  /** Machine that leads, and its view; waits for one that has committed something. */
  async leader(): Promise<{ machine: string; status: RaftStatus }> {
    return eventually("a leader", async () => {
      const found = (await this.views()).find(({ status }) => status?.role === "leader");
      if (found?.status === undefined || found.status.commitIndex < 2) return undefined;
      return { machine: found.address.split(":")[0] ?? "", status: found.status };
    });
  }

  /** `mesh raft status` shows BEHIND 0 for the member at this raft address. */
  async notBehind(address: string): Promise<void> {
    await eventually(`${address} to catch up`, async () => {
      const table = (await this.machines.run(DESK, "mesh raft status")).stdout;
      const members = table.split("\n\n")[1] ?? "";
      const row = members.split("\n").find((line) => line.includes(` ${address} `));
      return row !== undefined && / 0 +connected/.test(row);
    });
  }

  /** Something that must survive. */
  async putNote(value: string): Promise<void> {
    await eventually("the note to be stored", async () => {
      const { machine } = await this.leader();
      const url = `http://${machine}:5050/mesh/notes/page/x`;
      return (await this.machines.run(DESK, `curl -sf -m 3 -X PUT --data ${value} ${url}`)).status === 0;
    });
  }

  async note(): Promise<string> {
    const { machine } = await this.leader();
    return this.machines.must(DESK, `curl -sf -m 3 http://${machine}:5050/mesh/notes/page/x`);
  }

  async voters(): Promise<string[]> {
    const { status } = await this.leader();
    return status.members
      .filter(({ votes }) => votes)
      .map(({ address }) => address)
      .sort();
  }
}

story("start, look, add, remove, hand over, back up", async (operator) => {
  const first = "Start the first three";
  for (const _ of MASTERS) await operator.does(first, "mesh master");
  const broken = "Something is broken";
  await operator.does(broken, "export MESH_MASTER");
  await operator.leader();
  expect(await operator.does(broken, "mesh raft status")).toMatch(/ leader /);
  expect(await operator.does(first, "mesh raft status")).toMatch(/ leader /);
  expect(await operator.does(first, "mesh raft check")).toContain("3 of 3 masters agree");
  await operator.putNote("one");

  await operator.does("Add a master", "mesh master");
  await operator.notBehind("m4:5060");
  expect(await operator.does("Add a master", "mesh raft status")).toMatch(/m4:5060 +learner/);
  expect(await operator.does("Add a master", "mesh raft promote")).toContain("votes now");
  expect(await operator.voters()).toEqual(["m1:5060", "m2:5060", "m3:5060", "m4:5060"]);

  expect(await operator.does("Remove a master", "mesh raft remove")).toContain("is no member any more");
  await eventually("m4 to say so", () =>
    operator.machines.log("m4").includes("was removed from the cluster"),
  );
  await operator.machines.stop("m4");
  expect(await operator.voters()).toEqual(["m1:5060", "m2:5060", "m3:5060"]);

  // It must lead in the end, so it must not lead before.
  if ((await operator.leader()).machine === "m2") await operator.machines.must(DESK, "mesh raft transfer");
  await operator.does("Hand over leadership", "mesh raft transfer");
  expect((await operator.leader()).machine).toBe("m2");

  expect(await operator.does("Back up", "mesh raft backup")).toMatch(
    /^Backup of \d+ keys up to log index \d+/,
  );
  expect(existsSync(operator.machines.path(DESK, "/var/backups/mesh.backup"))).toBe(true);
  expect(await operator.note()).toBe("one");
});

story("a master whose disk is gone is replaced", async (operator) => {
  await operator.startThree();
  await operator.putNote("two");
  const { machines } = operator;
  await machines.stop("m3", "SIGKILL");
  rmSync(machines.path("m3", "/var/lib/mesh-master"), { recursive: true });
  // What the table at the top says of it: it is not the member that it was.
  operator.startAgain("m3");
  const refused = /takes this master for another member|Cannot open a new cluster/;
  await eventually("the log to say so", () => refused.test(machines.log("m3")));
  expect((await operator.views())[2]?.status?.role).toBe("joining");
  await machines.stop("m3");
  rmSync(machines.path("m3", "/var/lib/mesh-master"), { recursive: true });

  const section = "Replace a master";
  await operator.does(section, "mesh raft remove");
  await operator.does(section, "mesh master");
  await operator.notBehind("m3:5060");
  await operator.does(section, "mesh raft promote");
  expect(await operator.does(section, "mesh raft check")).toContain("3 of 3 masters agree");
  // Its vote counts.
  await machines.stop("m1", "SIGKILL");
  await operator.putNote("three");
  expect(await operator.note()).toBe("three");
});

story("an emptied master that is started alone opens no second cluster", async (operator) => {
  await operator.startThree();
  const { machines } = operator;
  await machines.stop("m3", "SIGKILL");
  rmSync(machines.path("m3", "/var/lib/mesh-master"), { recursive: true });
  machines.start("m3", "mesh master --advertise m3:5050 --data-dir /var/lib/mesh-master");
  await eventually("the log to say so", () => machines.log("m3").includes("Cannot open a new cluster"));
  expect((await operator.views())[2]?.status?.role).toBe("joining");
});

story("the majority is lost for ever, and a task runs on", async (operator) => {
  await operator.startThree();
  const { machines } = operator;
  const isolation = "--isolation posix --resources 'cpus:4;mem:512'";
  machines.start(
    DESK,
    `mesh agent --master m1:5050,m2:5050,m3:5050 --work-dir /var/lib/agent ${isolation}`,
    "agent",
  );
  machines.start(DESK, "mesh run --name steady -- sleep 1000", "run");
  const running = async (): Promise<boolean> =>
    /steady.*TASK_RUNNING/.test((await machines.run(DESK, "mesh tasks")).stdout);
  await eventually("the task to run", running);
  await operator.putNote("kept");
  await eventually("m3 to have it", async () => {
    const url = "http://m3:5050/mesh/notes/page/x?consistency=stale";
    return (await machines.run(DESK, `curl -sf -m 1 ${url}`)).stdout === "kept";
  });
  // An old cluster: the agent has seen masters of many terms.
  for (let elections = 0; elections < 5; elections++) await machines.must(DESK, "mesh raft transfer");
  await eventually("the agent to follow", running);
  for (const name of ["m1", "m2"]) {
    await machines.stop(name, "SIGKILL");
    rmSync(machines.path(name, "/var/lib/mesh-master"), { recursive: true });
  }
  await eventually("nobody to lead", async () => (await operator.views())[2]?.status?.role !== "leader");

  const section = "The majority is lost";
  await operator.does(section, "mesh raft backup");
  await machines.stop("m3");
  await operator.does(section, "mesh raft restore");
  await operator.does(section, "mesh master");
  await operator.leader();
  expect(await operator.note()).toBe("kept");
  await operator.does(section, "mesh master");
  await operator.does(section, "mesh master");
  await operator.notBehind("m1:5060");
  await operator.notBehind("m2:5060");
  expect(await operator.does(section, "mesh raft status")).toMatch(/m1:5060 +learner/);
  await operator.does(section, "mesh raft promote");
  await operator.does(section, "mesh raft promote");
  expect(await operator.does(section, "mesh raft check")).toContain("3 of 3 masters agree");
  expect(await operator.voters()).toHaveLength(3);
  await eventually("the task to be there", running);
  expect(machines.log("run")).not.toContain("TASK_LOST");
  // As Ctrl-C: it ends its task, under the new cluster as under the old one.
  await machines.stop("run", "SIGINT");
  expect(machines.log("run")).toContain("TASK_KILLED");
  // The three are a cluster like any other.
  await machines.stop((await operator.leader()).machine, "SIGKILL");
  await operator.putNote("again");
});

story("an upgrade, one master after the other", async (operator) => {
  const { machines } = operator;
  const old = oldBinary(machines.directory);
  for (const name of MASTERS) machines.install(name, old);
  await operator.startThree();
  await operator.putNote("old");
  const { status: before, machine: leads } = await operator.leader();
  const order = [...MASTERS.filter((name) => name !== leads), leads];
  const install = page.next("Upgrade", "install").line;
  const version = page.next("Upgrade", "mesh version").line;
  const check = page.next("Upgrade", "mesh raft check").line;
  for (const name of order) {
    await machines.stop(name);
    copyFileSync(BINARY, machines.path(name, "/home/mesh-new"));
    await machines.must(name, install);
    expect(await machines.must(name, version)).toContain("mesh");
    operator.startAgain(name);
    await operator
      .notBehind((await machines.must(name, "echo $(hostname):5060")).trim())
      .catch(async (error) => {
        // The leader itself is never behind.
        if ((await operator.leader()).machine !== name) throw error;
      });
    await operator.putNote(`after-${name}`);
  }
  await machines.must(DESK, check);
  const level = await eventually("the new level", async () => {
    const { featureLevel } = (await operator.leader()).status;
    return featureLevel > before.featureLevel && featureLevel;
  });
  expect(level).toBe(before.featureLevel + 1);
  // No way back.
  await machines.stop("m1");
  machines.install("m1", old);
  operator.startAgain("m1");
  await eventually("the old one to refuse", () => machines.log("m1").includes("run a newer version of mesh"));
});

afterAll(() => {
  if (mayRun(possible)) expect(page.left()).toEqual([]);
});
