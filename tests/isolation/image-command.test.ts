import { describe, expect, test } from "bun:test";
import type { ContainerCommand } from "../../src/isolation/container.ts";
import { imageCommand, imageEnvironment } from "../../src/isolation/image-command.ts";

const CMD = ["/cmd", "c1"];
const ENTRYPOINT = ["/entry", "e1"];
type Words = readonly string[];

/** A program's name and words, a shell's script, or "error". */
function joined(
  shell: boolean,
  value: string | undefined,
  words: Words,
  entrypoint: Words,
  cmd: Words,
): readonly string[] | string {
  const command = {
    kind: "image",
    shell,
    arguments: words,
    ...(value === undefined ? {} : { value }),
  } as const;
  const found = imageCommand(command, { entrypoint, cmd, env: [] });
  return found.ok ? textOf(found.value) : "error";
}

function textOf(command: ContainerCommand): readonly string[] | string {
  if (command.kind === "shell") return command.script;
  return command.kind === "exec" ? [command.file, ...command.argv] : "unjoined";
}

describe("the command of an image, as in Mesos' table", () => {
  const images: readonly (readonly [Words, Words])[] = [
    [[], []],
    [[], CMD],
    [ENTRYPOINT, []],
    [ENTRYPOINT, CMD],
  ];
  const rows: readonly (readonly [string, boolean, string | undefined, Words, readonly unknown[]])[] = [
    ["a shell with a value", true, "echo", [], ["echo", "echo", "echo", "echo"]],
    ["a shell with a value and arguments", true, "echo", ["x"], ["echo", "echo", "echo", "echo"]],
    ["a shell without a value", true, undefined, [], ["error", "error", "error", "error"]],
    ["a value", false, "/v", [], Array(4).fill(["/v", "/v"])],
    ["a value and arguments", false, "/v", ["n", "x"], Array(4).fill(["/v", "n", "x"])],
    [
      "nothing",
      false,
      undefined,
      [],
      ["error", ["/cmd", "/cmd", "c1"], ["/entry", "/entry", "e1"], ["/entry", "/entry", "e1", "/cmd", "c1"]],
    ],
    [
      "arguments",
      false,
      undefined,
      ["x", "y"],
      ["error", ["/cmd", "/cmd", "x", "y"], ...Array(2).fill(["/entry", "/entry", "e1", "x", "y"])],
    ],
  ];
  test.each(rows)("%s", (_name, shell, value, words, expected) => {
    expect(images.map(([entrypoint, cmd]) => joined(shell, value, words, entrypoint, cmd))).toEqual([
      ...expected,
    ] as never);
  });
});

describe("the environment of an image", () => {
  test("goes over the agent's, under the task's own", () => {
    const given = [
      ["MESOS_SANDBOX", "/s"],
      ["PATH", "/agent"],
      ["A", "task"],
    ] as const;
    const table = imageEnvironment(given, ["PATH=/image", "A=image", "B=x=y", "broken"], [["A", "task"]]);
    expect(Object.fromEntries(table)).toEqual({ MESOS_SANDBOX: "/s", PATH: "/image", A: "task", B: "x=y" });
  });

  test("has a PATH when nobody gives one", () => {
    expect(imageEnvironment([], [], [])).toEqual([
      ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ]);
  });
});
