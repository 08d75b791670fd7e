import { describe, expect, spyOn, test } from "bun:test";
import { runCommandLine } from "../../src/main/command-line.ts";
import type { CommandSpec } from "../../src/main/command-spec.ts";

async function run(...argv: string[]): Promise<{ status: number; stderr: string; helped: string[] }> {
  const helped: string[] = [];
  let stderr = "";
  const write = spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  const show = (command: CommandSpec | undefined): void => void helped.push(command?.name ?? "all");
  try {
    return { status: await runCommandLine(argv, show), stderr, helped };
  } finally {
    write.mockRestore();
  }
}

describe("help", () => {
  const cases: [string[], string][] = [
    [[], "all"],
    [["--help"], "all"],
    [["help"], "all"],
    [["help", "run"], "run"],
    [["run", "--help"], "run"],
    [["agent", "-h"], "agent"],
  ];
  for (const [argv, expected] of cases) {
    test(`mesh ${argv.join(" ")}`, async () => {
      expect(await run(...argv)).toEqual({ status: 0, stderr: "", helped: [expected] });
    });
  }
});

describe("refusals are one line and status 2", () => {
  const cases: [string[], string][] = [
    [["fly"], "mesh: Unknown command 'fly'"],
    [["help", "fly"], "mesh: Unknown command 'fly'"],
    [["tasks", "--what"], "mesh: Unknown flag '--what' of 'mesh tasks'"],
    [["master", "--zk=zk://a:2181/mesos"], "mesh needs no ZooKeeper: name the masters with --peers"],
    [["tasks", "--master"], "mesh: Flag --master needs a value"],
    [["run", "ls", "-l"], "put -- before the command to run"],
    [["logs"], "mesh: Missing the task's id"],
    [["logs", "a", "b"], "mesh: Unexpected argument 'b' of 'mesh logs'"],
    [["master", "data-dir", "/x"], "mesh: Unexpected argument 'data-dir' of 'mesh master'"],
    [["raft", "promote", "m1", "m2"], "mesh: Unexpected argument 'm2' of 'mesh raft'"],
    [
      ["raft", "status", "m1:5050"],
      "mesh: Unexpected argument 'm1:5050' of 'mesh raft status': see 'mesh help raft'",
    ],
    [["master", "--ip", "999.1.1.1"], "mesh: Flag --ip has the value '999.1.1.1': expected an IP address"],
    [["raft", "dance"], "mesh: Unknown action 'dance'"],
    [
      ["master", "--raft-port", "5050"],
      "Flag --raft-port has the value '5050': expected another port than that of --port",
    ],
    [
      ["dev", "--agent-port", "5060", "--dir", "/proc/none"],
      "Flag --agent-port has the value '5060': expected another port than that of --raft-port",
    ],
    [["run", "--instances", "0", "--", "true"], "mesh: Flag --instances has the value '0'"],
    [["run", "--name", "a b", "--", "true"], "mesh: Flag --name has the value 'a b'"],
  ];
  for (const [argv, text] of cases) {
    test(`mesh ${argv.join(" ")}`, async () => {
      const { status, stderr } = await run(...argv);
      expect(stderr).toContain(text);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
      expect(status).toBe(2);
    });
  }
});
