/**
 * House style as a test: sizes, words that may not appear in cores, leftovers,
 * files that nothing uses, folders without an introduction. The exceptions
 * below each carry their reason, and the list may only shrink.
 */
import { describe, expect, test } from "bun:test";
import { posix } from "node:path";
import { importsOf, listFiles, type SourceFile } from "./support/source-text.ts";
import { checkStyle } from "./support/style-rules.ts";

interface Exception {
  readonly rule: string;
  /** A path, or a folder with its closing slash. */
  readonly path: string;
  readonly reason: string;
}

const EXCEPTIONS: readonly Exception[] = [
  {
    rule: "core-words",
    path: "src/isolation/runtime.ts",
    reason: "A port: only types, of what the asynchronous driver offers to the pump",
  },
  {
    rule: "core-words",
    path: "src/isolation/check.ts",
    reason: "A port: only types, of what the asynchronous driver offers to the runtime",
  },
  {
    rule: "core-words",
    path: "src/isolation/session.ts",
    reason: "A port: only types, of what the asynchronous driver offers to the pump",
  },
  {
    rule: "core-words",
    path: "src/agent/checkpoint.ts",
    reason: "A port: only types, of what the asynchronous store offers to the pump",
  },
  {
    rule: "core-words",
    path: "src/master/port.ts",
    reason: "A port: only types, of what the asynchronous pump offers to the HTTP edge",
  },
  {
    rule: "line-length",
    path: "src/model/v1/",
    reason: "Generated: one line for each field",
  },
  {
    rule: "core-words",
    path: "src/raft/store.ts",
    reason: "A port: only types, of what the asynchronous driver offers to the pump",
  },
  {
    rule: "core-words",
    path: "src/agent/port.ts",
    reason: "A port: only types, of what the asynchronous pump offers to the HTTP edge",
  },
];

/** The file whose opening comment explains its folder; in other folders that comment says `src/<folder>/`. */
const DOORS: Readonly<Record<string, string>> = {
  "src/raft": "node.ts",
  "src/registry": "registry.ts",
  "src/allocator": "allocator.ts",
  "src/isolation": "plan.ts",
  "src/isolation/linux": "runtime.ts",
  "src/master": "node.ts",
  "src/agent": "core.ts",
  "src/api": "routes.ts",
  "src/main": "command-table.ts",
};

/** Opening comments shorter than this explain nothing. */
const DOOR_COMMENT_CHARS_MIN = 150;

const TYPESCRIPT = [
  ...listFiles("src", [".ts", ".tsx"]),
  ...listFiles("tests", [".ts"]),
  ...listFiles("scripts", [".ts"]),
];
const MARKDOWN = [
  ...listFiles("docs", [".md"]),
  ...listFiles(".", [".md"]).filter((file) => !file.path.includes("/")),
];
const ALL = [...TYPESCRIPT, ...MARKDOWN];

function excepted(rule: string, path: string): Exception | undefined {
  return EXCEPTIONS.find(
    (item) =>
      item.rule === rule && (item.path === path || (item.path.endsWith("/") && path.startsWith(item.path))),
  );
}

/** Files of src/ that neither the program nor a test reaches. */
function unreachable(files: readonly SourceFile[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const reached = new Set<string>();
  const waiting = files
    .map((file) => file.path)
    .filter((path) => path === "src/cli.ts" || path.startsWith("tests/"));
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const file = byPath.get(path);
    if (file === undefined || reached.has(path)) continue;
    reached.add(path);
    for (const item of importsOf(file)) if (item.target !== undefined) waiting.push(item.target);
  }
  return files.map((file) => file.path).filter((path) => path.startsWith("src/") && !reached.has(path));
}

/** Folders of src/ that no opening comment explains. */
function withoutDoor(files: readonly SourceFile[]): string[] {
  const folders = [...new Set(files.map((file) => posix.dirname(file.path)))].filter((folder) => {
    return folder.startsWith("src/");
  });
  return folders.filter((folder) => {
    const door = DOORS[folder];
    return !files.some((file) => {
      if (posix.dirname(file.path) !== folder) return false;
      const opening = /^(?:#![^\n]*\n)?\s*\/\*\*[\s\S]*?\*\//.exec(file.text)?.[0] ?? "";
      const isDoor = posix.basename(file.path) === door || opening.includes(`${folder}/`);
      return isDoor && opening.length >= DOOR_COMMENT_CHARS_MIN;
    });
  });
}

describe("the repository", () => {
  const complaints = checkStyle(ALL);

  test("keeps the house style", () => {
    const open = complaints.filter((item) => excepted(item.rule, item.path) === undefined);
    expect(open.map((item) => `${item.path}:${item.line} ${item.rule}: ${item.message}`)).toEqual([]);
  });

  test("has no exception that nothing needs any more", () => {
    const used = new Set(complaints.map((item) => excepted(item.rule, item.path)));
    expect(EXCEPTIONS.filter((item) => !used.has(item))).toEqual([]);
  });

  test("has no source file that nothing reaches", () => {
    expect(unreachable(TYPESCRIPT)).toEqual([]);
  }, 60_000);

  test("explains each folder of src/ in the opening comment of its door file", () => {
    expect(withoutDoor(TYPESCRIPT)).toEqual([]);
  });
});

describe("each rule finds its bad sample", () => {
  const BAD: readonly (readonly [rule: string, path: string, text: string])[] = [
    ["file-length", "src/io/a.ts", "a();\n".repeat(401)],
    ["file-length", "tests/io/a.test.ts", "a();\n".repeat(601)],
    ["line-length", "src/io/a.ts", `${"abc + ".repeat(20)}d;`],
    ["line-length", "src/io/a.ts", `// ${"words ".repeat(20)}`],
    ["function-length", "src/io/a.ts", `function a(b: number): void {\n${"b();\n".repeat(70)}}\n`],
    [
      "function-length",
      "src/io/a.ts",
      `class A {\n  run(b: { c: number }): { d: number } {\n${"b();\n".repeat(70)}}\n}`,
    ],
    ["function-length", "src/io/a.ts", `const a = (b: number) => {\n${"b();\n".repeat(70)}};\n`],
    ["core-words", "src/raft/a.ts", "const now = new Date();"],
    ["core-words", "src/raft/a.ts", "const now = performance.now();"],
    ["core-words", "src/base/a.ts", "const a = Math.random();"],
    ["core-words", "src/model/a.ts", "const a = crypto.randomUUID();"],
    ["core-words", "src/master/core.ts", "setTimeout(run, 10);"],
    ["core-words", "src/agent/core.ts", "async function a() {}"],
    ["core-words", "src/allocator/a.ts", "let a: Promise<void>;"],
    ["core-words", "src/wire/a.ts", "const a = new WeakRef(b);"],
    ["core-words", "src/isolation/plan.ts", "const a = Bun.file(b);"],
    ["core-words", "src/registry/a.ts", "const a = `$" + "{Date.now()}`;"],
    ["no-any", "src/io/a.ts", "let a: any;"],
    ["no-any", "src/io/a.ts", "const a = b as any;"],
    ["no-any", "src/io/a.ts", "const a: Map<string, any[]> = b;"],
    ["no-marker", "docs/a.md", `# A\n\n${"TO" + "DO"} later\n`],
    ["no-machine-path", "scripts/a.ts", `const a = "${"/wo" + "rk"}/main";`],
    ["no-tracker-number", "README.md", `# A\n\nSee ${"iss" + "ue"} 7.\n`],
    ["no-bare-suppression", "src/io/a.ts", `// ${"@ts-" + "ignore"}\na();`],
    ["one-title", "docs/a.md", "# A\n\n# B\n"],
    ["one-title", "docs/a.md", "text\n\n# A\n"],
  ];
  for (const [index, [rule, path, text]] of BAD.entries()) {
    test(`${rule} (${index})`, () => {
      expect(checkStyle([{ path, text }]).map((item) => item.rule)).toEqual([rule]);
    });
  }

  test("unreachable files and folders without a door", () => {
    const files = [
      { path: "src/cli.ts", text: 'import "./main/a.ts";' },
      { path: "src/main/a.ts", text: "" },
      { path: "src/main/b.ts", text: 'import "./a.ts";' },
    ];
    expect(unreachable(files)).toEqual(["src/main/b.ts"]);
    expect(withoutDoor(files)).toEqual(["src/main"]);
  });
});

describe("no rule complains about", () => {
  const GOOD: readonly (readonly [what: string, path: string, text: string])[] = [
    ["banned words in comments and strings", "src/raft/a.ts", '// a Promise\nconst a = "Date";\n/* async */'],
    ["banned words as names of members", "src/raft/a.ts", "const a = { process: 1 };\nb.fetch(1);\n"],
    ["drivers that use the clock", "src/io/a.ts", "const now = performance.now();\n"],
    ["pumps that wait", "src/agent/run.ts", "await a();\n"],
    ["a long text", "src/io/a.ts", `const a =\n  "${"words ".repeat(30)}";\n`],
    ["a long address", "src/io/a.ts", `// https://example.org/${"a".repeat(120)}\n`],
    ["a long list", "src/io/a.ts", `const a = [\n${"  1,\n".repeat(90)}];\n`],
    [
      "a class after a function",
      "src/io/a.ts",
      `function b(): c {}\n\nclass A {\n${"  b(): void {}\n".repeat(90)}}\n`,
    ],
    ["a long class", "src/io/a.ts", `class A {\n${"  b(): void {}\n".repeat(90)}}\n`],
    ["a comment line in a Markdown block", "docs/a.md", "# A\n\n```\n# not a title\n```\n"],
  ];
  for (const [what, path, text] of GOOD) {
    test(what, () => {
      expect(checkStyle([{ path, text }])).toEqual([]);
    });
  }
});
