/**
 * The documents say what is there: error codes, features, files that are
 * named, and flags.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { ERRORS } from "../src/base/errors.ts";
import { listFiles, ROOT, type SourceFile } from "./support/source-text.ts";

const MARKDOWN = [
  ...listFiles("docs", [".md"]),
  ...listFiles(".", [".md"]).filter((file) => !file.path.includes("/")),
];

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Cells of every table row of a Markdown text, but headings and rules. `\|` is a bar inside a cell. */
function rows(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|[-|: ]+\|$/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The section of a document below a heading of the second level; without one, what precedes the first. */
function section(path: string, heading?: string): string {
  const sections = read(path).split(/^## /m);
  return (
    sections.find((text, at) => (heading === undefined ? at === 0 : text.startsWith(`${heading}\n`))) ?? ""
  );
}

/** Files in which the cluster makes statuses of tasks. */
const STATUS_MAKERS = ["src/master", "src/agent", "src/registry"];

describe("docs/errors.md", () => {
  test("lists the codes of src/base/errors.ts with their status and meaning", () => {
    const documented = rows(section("docs/errors.md")).filter(([code]) => code !== "Code");
    const actual = Object.entries(ERRORS).map(([code, kind]) => [code, String(kind.status), kind.meaning]);
    const byCode = (a: string[], b: string[]): number => (a[0] ?? "").localeCompare(b[0] ?? "");
    expect(documented.sort(byCode)).toEqual(actual.sort(byCode));
  });

  test("lists the reasons that statuses are given", () => {
    const table = rows(section("docs/errors.md", "Reasons in the status of a task"));
    const documented = table.map(([reason = ""]) => reason).filter((reason) => reason.startsWith("REASON_"));
    const texts = STATUS_MAKERS.flatMap((folder) => listFiles(folder, [".ts"])).map(({ text }) => text);
    const given = texts.flatMap((text) =>
      [...text.matchAll(/"(REASON_[A-Z_]+)"/g)].map(([, name = ""]) => name),
    );
    expect(documented.sort()).toEqual([...new Set(given)].sort());
  });
});

/** How many features of Mesos each area has. */
const AREAS: Readonly<Record<string, number>> = {
  ...{
    OFF: 25,
    ALO: 19,
    QTA: 12,
    RES: 39,
    TSK: 33,
    FRW: 25,
    AGT: 33,
    CTR: 21,
    ISO: 42,
    CG2: 12,
    IMG: 15,
    FET: 11,
  },
  ...{ EXE: 13, OPM: 50, OPA: 29, LEG: 39, SEC: 35, MET: 19, WEB: 14, CLI: 17, HA: 15, LOG: 9, MOD: 5 },
};
const FEATURE_COUNT = 532;
const STATES = ["works", "partly", "not yet", "not planned"];

/** Files, and perhaps a test of each, that a cell names: `file` or `file › test`, in backticks. */
function namedTests(cell: string): string[][] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, named = ""]) =>
    named.split(" › ").map((part) => part.trim()),
  );
}

/** One line for each row of the compatibility table that is not in order. */
function checkFeatures(table: readonly string[][], exists: (path: string) => string | undefined): string[] {
  return table.flatMap((cells) => {
    const [id = "", feature = "", state = "", why = "", tests = ""] = cells;
    const problems: string[] = [];
    if (cells.length !== 5) problems.push(`has ${cells.length} cells instead of 5`);
    if (feature === "") problems.push("names no feature");
    if (!STATES.includes(state)) problems.push(`has the state "${state}": use one of ${STATES.join(", ")}`);
    if (state !== "works" && why === "") problems.push(`is "${state}" but does not say why or when`);
    if (tests === "" && (state === "works" || state === "partly"))
      problems.push(`is "${state}" but names no test`);
    for (const [path = "", title] of namedTests(tests)) {
      const text = exists(path);
      if (text === undefined) problems.push(`names the test "${path}", which does not exist`);
      else if (title !== undefined && !text.includes(title))
        problems.push(`names "${title}", not in ${path}`);
    }
    if (
      tests
        .replace(/`[^`]*`/g, "")
        .replaceAll(";", "")
        .trim() !== ""
    )
      problems.push(`names tests outside of backticks: "${tests}"`);
    return problems.map((problem) => `${id} ${problem}`);
  });
}

function textOf(path: string): string | undefined {
  const full = join(ROOT, path);
  if (!path.startsWith("tests/")) return undefined;
  return statSync(full, { throwIfNoEntry: false })?.isFile() === true
    ? readFileSync(full, "utf8")
    : undefined;
}

describe("docs/compatibility.md", () => {
  const table = rows(read("docs/compatibility.md")).filter(([id]) => id !== "Id");

  test(`has one row for each of the ${FEATURE_COUNT} features`, () => {
    const wanted = Object.entries(AREAS).flatMap(([area, count]) =>
      Array.from({ length: count }, (_, at) => `${area}-${at + 1}`),
    );
    expect(wanted.length).toBe(FEATURE_COUNT);
    expect(table.map(([id]) => id)).toEqual(wanted);
  });

  test("gives each a state, and a test that exists where there is something to prove", () => {
    expect(checkFeatures(table, textOf)).toEqual([]);
  });

  test("the check finds wrong rows", () => {
    const proof = (path: string): string | undefined =>
      path === "tests/a.test.ts" ? 'test("b")' : undefined;
    const wrong = [
      ["A-1", "feature", "done", "", ""],
      ["A-1", "feature", "works", "", ""],
      ["A-1", "feature", "partly", "x", ""],
      ["A-1", "feature", "not yet", "", ""],
      ["A-1", "feature", "works", "", "`tests/none.test.ts`"],
      ["A-1", "feature", "works", "", "`tests/a.test.ts › other`"],
      ["A-1", "feature", "works", "", "`tests/a.test.ts`; `tests/none.test.ts`"],
      ["A-1", "feature", "works", "", "`tests/a.test.ts`; tests/a.test.ts"],
      ["A-1", "", "works", "", "`tests/a.test.ts`"],
      ["A-1", "feature", "not planned", "x", "", ""],
    ];
    for (const row of wrong) expect(checkFeatures([row], proof), row.join()).not.toEqual([]);
    const right = "`tests/a.test.ts › b`; `tests/a.test.ts`";
    expect(checkFeatures([["A-1", "feature", "works", "", right]], proof)).toEqual([]);
  });
});

/** Files a document names: relative links, and scripts in its code. */
function namedFiles(file: SourceFile): string[] {
  const links = [...file.text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map((match) => {
    return normalize(join(dirname(file.path), match[1] ?? ""));
  });
  const code = /(?<![\w/<])(?:\.\/)?((?:scripts|docs|\.ci)\/[\w.\-/]*\w)/g;
  const scripts = [...file.text.matchAll(code)].map((match) => match[1] ?? "");
  const sources = [...file.text.matchAll(/`((?:src|tests)\/[\w.\-/]+\.ts)\b/g)].map(
    (match) => match[1] ?? "",
  );
  return [...new Set([...links, ...scripts, ...sources])];
}

describe("every document", () => {
  test("names files that exist", () => {
    const missing = MARKDOWN.flatMap((file) =>
      namedFiles(file)
        .filter((path) => !existsSync(join(ROOT, path)))
        .map((path) => `${file.path} names ${path}, which does not exist`),
    );
    expect(missing).toEqual([]);
  });

  test("the search finds links and scripts", () => {
    const links = "See [a](../b.md#c) and [d](https://e.org).\n";
    const text = `${links}\`\`\`sh\n./scripts/x --once\nbun scripts/y.ts z\n\`\`\`\n\`src/z.ts\`\n`;
    expect(namedFiles({ path: "docs/f.md", text })).toEqual([
      "b.md",
      "scripts/x",
      "scripts/y.ts",
      "src/z.ts",
    ]);
  });

  test("calls bun scripts that package.json knows", () => {
    const known = Object.keys((JSON.parse(read("package.json")) as { scripts: object }).scripts);
    const called = MARKDOWN.flatMap((file) =>
      [...file.text.matchAll(/\bbun run ([\w-]+)/g)].map((match) => match[1]),
    );
    expect(called.filter((name) => !known.includes(name ?? ""))).toEqual([]);
  });
});

/** Files of scripts/bench/ that are no benchmark by themselves (scripts/bench.ts). */
const SHARED_BY_BENCHMARKS = ["lib", "load"];

describe("docs/benchmarks.md", () => {
  test("names the benchmarks that there are", () => {
    const files = listFiles("scripts/bench", [".ts"]).map(({ path }) => basename(path, ".ts"));
    const names = rows(section("docs/benchmarks.md")).flatMap(
      ([first = ""]) => /^`(\w+)`$/.exec(first)?.[1] ?? [],
    );
    expect(names.sort()).toEqual(files.filter((name) => !SHARED_BY_BENCHMARKS.includes(name)).sort());
  });
});

/** What `mesh help`, or `mesh help <command>`, prints. */
function helpText(...command: readonly string[]): string {
  const done = Bun.spawnSync([process.execPath, "src/cli.ts", "help", ...command], { cwd: ROOT });
  expect(done.stderr.toString()).toBe("");
  return done.stdout.toString();
}

/** Names of the commands that `mesh help` lists. */
function listedCommands(): string[] {
  const [, list = ""] = /Commands:\n([\s\S]*?)\n\n/.exec(helpText()) ?? [];
  return [...list.matchAll(/^ {2}([a-z]+)/gm)].map((match) => match[1] ?? "");
}

/** Long flags of the options that `mesh help <command>` lists, without the common ones. */
function listedFlags(command: string): string[] {
  const lines = helpText(command).split("\n");
  const options = lines.filter((line) => /^\s+(?:-\w, )?--[a-z]/.test(line));
  const flags = new Set(options.flatMap((line) => longFlags(line).slice(0, 1)));
  return [...flags].filter((flag) => !COMMON_FLAGS.includes(flag)).sort();
}

function longFlags(text: string): string[] {
  return [...text.matchAll(/(?<![\w-])--([a-z][a-z0-9-]*)/g)].map((match) => match[1] ?? "");
}

/** Flags that every command has, and that the documents need not repeat. */
const COMMON_FLAGS = ["help", "version"];

/** Flags by command, as docs/cli.md has them. */
function documentedFlags(): Map<string, string[]> {
  const sections = read("docs/cli.md")
    .split(/^## mesh /m)
    .slice(1);
  return new Map(
    sections.map((section) => {
      const flags = rows(section).flatMap(([first = ""]) => longFlags(first));
      return [section.split("\n")[0]?.trim() ?? "", flags.sort()] as const;
    }),
  );
}

describe("docs/cli.md", () => {
  test("has a section for each command that help lists", () => {
    const listed = listedCommands();
    expect(listed.length).toBeGreaterThan(5);
    expect([...documentedFlags().keys()].sort()).toEqual(listed.filter((name) => name !== "help").sort());
  });

  for (const [command, flags] of documentedFlags()) {
    test(`has the flags that "mesh help ${command}" shows`, () => {
      expect(listedFlags(command)).toEqual(flags);
    });
  }
});

test("docs/operations/agents.md tells what each flag of an agent is for", () => {
  const told = new Set(longFlags(read("docs/operations/agents.md")));
  expect(
    documentedFlags()
      .get("agent")
      ?.filter((flag) => !told.has(flag)),
  ).toEqual([]);
});

interface Call {
  readonly command: string;
  readonly flags: readonly string[];
}

/** Calls of mesh in the shell blocks of a text: `mesh tasks --json`, `dist/mesh run … -- …`. */
function callsOfMesh(text: string): Call[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? "");
  const lines = blocks.flatMap((block) => block.replaceAll("\\\n", " ").split("\n"));
  return lines.flatMap((line) => {
    const [, words] = /^(?:\S*\/)?mesh ([^#]*)/.exec(line) ?? [];
    if (words === undefined) return [];
    const [own = ""] = words.split(/ -- /);
    return [{ command: own.trim().split(/\s/)[0] ?? "", flags: longFlags(own) }];
  });
}

describe("commands in the documents", () => {
  test("exist, with the flags they are given", () => {
    const calls = MARKDOWN.flatMap(({ path, text }) => callsOfMesh(text).map((call) => ({ path, ...call })));
    expect(calls.length).toBeGreaterThan(10);
    const known = listedCommands();
    const flagsOf = new Map(known.map((command) => [command, [...listedFlags(command), ...COMMON_FLAGS]]));
    const wrong = calls.flatMap(({ path, command, flags }) => {
      const allowed = flagsOf.get(command);
      if (allowed === undefined) return [`${path}: mesh ${command}`];
      const unknown = flags.filter((flag) => !allowed.includes(flag));
      return unknown.map((flag) => `${path}: mesh ${command} --${flag}`);
    });
    expect(wrong).toEqual([]);
    // A process for each command, on a machine that may have much to do.
  }, 60_000);

  test("are found in shell blocks", () => {
    const text = [
      ...[
        "```sh",
        "dist/mesh run --cpus 2 -- sh --posix # --not",
        "mesh agent --ip x \\",
        "  --port 1",
        "ls",
        "```",
      ],
      ...["mesh outside --of-a block", ""],
    ].join("\n");
    expect(callsOfMesh(text)).toEqual([
      { command: "run", flags: ["cpus"] },
      { command: "agent", flags: ["ip", "port"] },
    ]);
  });
});
