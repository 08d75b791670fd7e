/**
 * Who may import whom. ARCHITECTURE.md draws the layers; this table is what is
 * enforced. Every import counts, type-only and dynamic ones too.
 */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { importsOf, listFiles, packageOf, ROOT, type SourceFile } from "./support/source-text.ts";

interface Layer {
  /** Folder or file below src/. The longest match of a path is its layer. */
  readonly path: string;
  /** Layers whose every file may be imported. */
  readonly mayImport: readonly string[];
  /** Layers of which only types may be imported. */
  readonly mayImportTypes?: readonly string[];
  /** Single files of other layers that may be imported. */
  readonly mayImportFiles?: readonly string[];
  /** Synchronous and deterministic: no `bun`, no `node:`. */
  readonly core: boolean;
}

const LAYERS: readonly Layer[] = [
  { path: "base", mayImport: [], core: true },
  { path: "model", mayImport: ["base"], core: true },
  { path: "wire", mayImport: ["base"], mayImportTypes: ["model"], core: true },
  { path: "raft", mayImport: ["base", "model", "wire"], core: true },
  { path: "registry", mayImport: ["base", "model", "wire"], core: true },
  { path: "allocator", mayImport: ["base", "model", "wire"], core: true },
  { path: "isolation", mayImport: ["base", "model", "wire"], core: true },
  { path: "master", mayImport: ["base", "model", "wire", "registry", "allocator"], core: true },
  // What the node keeps of raft's requests and writes.
  { path: "master/raft-requests.ts", mayImport: ["base", "raft", "master"], core: true },
  { path: "master/raft-view.ts", mayImport: ["base", "raft", "master"], core: true },
  { path: "master/staged-state.ts", mayImport: ["base", "raft", "registry"], core: true },
  { path: "master/inputs.ts", mayImport: ["base", "model", "master", "master/node-types.ts"], core: true },
  {
    path: "master/node-types.ts",
    mayImport: ["base", "raft", "master", "master/write-batch.ts"],
    core: true,
  },
  { path: "master/write-batch.ts", mayImport: ["base", "raft", "registry"], core: true },
  {
    path: "master/node.ts",
    mayImport: [
      ...["base", "model", "wire", "registry", "allocator", "raft", "master"],
      ...["master/node-types.ts", "master/raft-requests.ts", "master/raft-view.ts", "master/staged-state.ts"],
      "master/write-batch.ts",
    ],
    core: true,
  },
  {
    path: "master/run.ts",
    mayImport: [
      ...["base", "model", "wire", "registry", "allocator", "master", "master/node.ts"],
      ...["master/inputs.ts", "master/run-drivers.ts", "master/run-state.ts"],
    ],
    core: false,
  },
  { path: "master/run-drivers.ts", mayImport: ["base", "master/node.ts"], core: false },
  { path: "master/run-state.ts", mayImport: ["base", "master/node.ts"], core: false },
  { path: "agent", mayImport: ["base", "model", "wire", "isolation"], core: true },
  {
    path: "agent/run.ts",
    mayImport: [
      ...["base", "model", "wire", "isolation", "agent", "agent/run-drivers.ts", "agent/run-link.ts"],
      "agent/run-nested.ts",
      "agent/run-recovery.ts",
      "agent/run-sessions.ts",
    ],
    core: false,
  },
  {
    path: "agent/run-recovery.ts",
    mayImport: ["base", "isolation", "agent", "agent/run-drivers.ts"],
    core: false,
  },
  { path: "agent/run-link.ts", mayImport: ["base", "model", "agent", "agent/run-drivers.ts"], core: false },
  {
    path: "agent/run-nested.ts",
    mayImport: ["base", "model", "isolation", "agent", "agent/run-drivers.ts"],
    core: false,
  },
  {
    path: "agent/run-sessions.ts",
    mayImport: ["base", "model", "isolation", "agent", "agent/run-drivers.ts"],
    core: false,
  },
  {
    path: "agent/run-drivers.ts",
    mayImport: ["base", "model", "isolation", "agent"],
    core: false,
  },
  {
    path: "api",
    mayImport: ["base", "model", "wire"],
    mayImportFiles: ["master/port.ts", "agent/port.ts"],
    core: false,
  },
  { path: "ui", mayImport: [], core: false },
  {
    path: "io",
    mayImport: ["base", "wire"],
    mayImportTypes: ["model"],
    mayImportFiles: [
      "raft/store.ts",
      "raft/types.ts",
      "master/port.ts",
      "agent/port.ts",
      "agent/checkpoint.ts",
      "isolation/check.ts",
      "isolation/container.ts",
      "isolation/image-manifest.ts",
      "isolation/image-reference.ts",
      "isolation/images.ts",
      "isolation/runtime.ts",
      "isolation/session.ts",
    ],
    core: false,
  },
  { path: "isolation/linux", mayImport: ["base", "model", "isolation"], core: false },
  {
    path: "main",
    mayImport: [
      ...["base", "model", "wire", "raft", "registry", "allocator", "isolation", "master", "master/node.ts"],
      ...[
        "master/run.ts",
        "agent",
        "agent/run.ts",
        "agent/run-drivers.ts",
        "api",
        "ui",
        "io",
        "isolation/linux",
      ],
    ],
    core: false,
  },
  { path: "cli.ts", mayImport: ["main"], core: false },
];

/** The layer of a path below src/. */
function layerOf(path: string): Layer | undefined {
  const below = path.slice("src/".length);
  return LAYERS.filter((layer) => below === layer.path || below.startsWith(`${layer.path}/`)).sort(
    (a, b) => b.path.length - a.path.length,
  )[0];
}

/** One line for each wrong import. */
function checkDirections(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const layer = layerOf(file.path);
    if (layer === undefined) return [`${file.path}: no layer of tests/layers.test.ts covers this path`];
    return importsOf(file).flatMap((item) => {
      const complaint =
        item.target === undefined
          ? wrongPackage(layer, item.specifier)
          : wrongTarget(layer, item.target, item.typeOnly);
      return complaint === undefined
        ? []
        : [`${file.path}:${item.line} imports "${item.specifier}": ${complaint}`];
    });
  });
}

function wrongPackage(layer: Layer, specifier: string): string | undefined {
  if (!layer.core) return undefined;
  if (isBuiltIn(specifier)) return "a core does no IO; pass the value in";
  if (layer.path !== "wire") return "of the cores only src/wire/ uses packages";
  return undefined;
}

function wrongTarget(layer: Layer, target: string, typeOnly: boolean): string | undefined {
  if (!target.startsWith("src/")) return "src/ imports nothing outside src/";
  if (!/\.[a-z]+$/.test(target)) return "write the file's ending";
  const other = layerOf(target);
  if (other === undefined) return "it lies in no layer";
  if (other === layer || layer.mayImport.includes(other.path)) return undefined;
  if (layer.mayImportFiles?.includes(target.slice("src/".length)) === true) return undefined;
  if (layer.mayImportTypes?.includes(other.path) === true) {
    return typeOnly ? undefined : `${layer.path} may import only types of ${other.path}`;
  }
  return `${layer.path} may not import ${other.path}`;
}

function isBuiltIn(specifier: string): boolean {
  return specifier === "bun" || specifier.startsWith("bun:") || specifier.startsWith("node:");
}

/** A line for each package that more than one file imports. */
function checkPackages(files: readonly SourceFile[]): string[] {
  const users = new Map<string, Set<string>>();
  for (const file of files) {
    for (const item of importsOf(file)) {
      if (item.target !== undefined || isBuiltIn(item.specifier)) continue;
      const name = packageOf(item.specifier);
      users.set(name, (users.get(name) ?? new Set()).add(file.path));
    }
  }
  return [...users]
    .filter(([, paths]) => paths.size > 1)
    .map(
      ([name, paths]) => `package "${name}" is imported in ${[...paths].join(" and ")}: wrap it in one file`,
    );
}

/**
 * Folders whose files may import each other in circles, with the reason.
 */
const CIRCLES_ALLOWED: Readonly<Record<string, string>> = {
  "src/model/v1/": "Generated types: the messages of Mesos refer to each other across families",
};

/** A line for each circle of files, in the order in which they import each other. */
function checkCycles(files: readonly SourceFile[]): string[] {
  const edges = new Map(
    files.map((file) => [file.path, importsOf(file).flatMap((item) => item.target ?? [])] as const),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) {
      const circle = [...trail.slice(start), path];
      const allowed = Object.keys(CIRCLES_ALLOWED).some((folder) =>
        circle.every((at) => at.startsWith(folder)),
      );
      if (!allowed) circles.push(`circle: ${circle.join(" -> ")}`);
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return circles;
}

function sample(path: string, text: string): SourceFile {
  return { path, text };
}

const SOURCES = listFiles("src", [".ts", ".tsx"]);

describe("the sources", () => {
  test("there are some", () => {
    expect(SOURCES.length).toBeGreaterThan(5);
  });

  test("import in the allowed directions only", () => {
    expect(checkDirections(SOURCES)).toEqual([]);
  });

  test("import each package in one file only", () => {
    expect(checkPackages(SOURCES)).toEqual([]);
  });

  test("import only packages that package.json lists", async () => {
    const { dependencies } = await Bun.file(join(ROOT, "package.json")).json();
    const missing = SOURCES.flatMap((file) =>
      importsOf(file)
        .filter((item) => item.target === undefined && !isBuiltIn(item.specifier))
        .map((item) => packageOf(item.specifier))
        .filter((name) => !(name in dependencies))
        .map((name) => `${file.path}: "${name}"`),
    );
    expect(missing).toEqual([]);
  });

  test("form no circles", () => {
    expect(checkCycles(SOURCES)).toEqual([]);
  });

  test("import files that exist", () => {
    const broken = SOURCES.flatMap((file) =>
      importsOf(file)
        .filter((item) => item.target !== undefined && !existsSync(join(ROOT, item.target)))
        .map((item) => `${file.path}:${item.line} imports "${item.specifier}", which does not exist`),
    );
    expect(broken).toEqual([]);
  });
});

describe("the checker refuses", () => {
  const WRONG: readonly (readonly [what: string, path: string, text: string])[] = [
    ["an upward import", "src/base/a.ts", 'import { b } from "../model/b.ts";'],
    ["an upward type", "src/model/a.ts", 'import type { B } from "../registry/b.ts";'],
    ["an import over several lines", "src/model/a.ts", 'import {\n  b,\n  c,\n} from "../raft/b.ts";'],
    ["a re-export", "src/raft/a.ts", 'export * from "../registry/b.ts";'],
    ["a sideways import", "src/allocator/a.ts", 'import { b } from "../registry/b.ts";'],
    ["a type by import()", "src/raft/a.ts", 'let b: import("../registry/b.ts").B;'],
    ["a dynamic import", "src/raft/a.ts", 'const b = await import("../io/b.ts");'],
    ["a required file", "src/raft/a.ts", "const b = require('../io/b.ts');"],
    ["an import for its effect", "src/raft/a.ts", 'import "../io/b.ts";'],
    ["master by agent", "src/agent/a.ts", 'import type { B } from "../master/b.ts";'],
    ["agent by master", "src/master/a.ts", 'import type { B } from "../agent/b.ts";'],
    ["raft by a master file", "src/master/core.ts", 'import type { B } from "../raft/types.ts";'],
    ["a driver by a core", "src/agent/core.ts", 'import { b } from "../isolation/linux/b.ts";'],
    ["more than the port by api", "src/api/a.ts", 'import { b } from "../master/core.ts";'],
    ["a core by io", "src/io/a.ts", 'import { b } from "../raft/node.ts";'],
    ["a value of the model by io", "src/io/a.ts", 'import { b } from "../model/b.ts";'],
    ["wire by isolation/linux", "src/isolation/linux/a.ts", 'import { b } from "../../wire/b.ts";'],
    ["anything by the page", "src/ui/a.ts", 'import { b } from "../base/b.ts";'],
    ["less than main by the flags", "src/cli.ts", 'import { b } from "./io/b.ts";'],
    ["tests", "src/io/a.ts", 'import { b } from "../../tests/support/b.ts";'],
    ["node: in a core", "src/raft/a.ts", 'import { readFileSync } from "node:fs";'],
    ["a node: type in a core", "src/model/a.ts", 'import type { Socket } from "node:net";'],
    ["bun in a core", "src/master/core.ts", 'import { file } from "bun";'],
    ["bun: in a core", "src/isolation/plan.ts", 'import { dlopen } from "bun:ffi";'],
    ["a package in a core", "src/registry/a.ts", 'import { pack } from "msgpackr";'],
    ["a path without ending", "src/raft/a.ts", 'import { b } from "./b";'],
    ["an unknown folder", "src/misc/a.ts", ""],
  ];
  for (const [what, path, text] of WRONG) {
    test(what, () => {
      expect(checkDirections([sample(path, text)])).toHaveLength(1);
    });
  }

  test("a package in two files", () => {
    const text = 'import { pack } from "msgpackr/pack";';
    expect(checkPackages([sample("src/io/a.ts", text), sample("src/io/b.ts", text)])).toHaveLength(1);
  });

  test("a circle, also of types", () => {
    const files = [
      sample("src/raft/a.ts", 'import { b } from "./b.ts";'),
      sample("src/raft/b.ts", 'import { c } from "./c.ts";'),
      sample("src/raft/c.ts", 'import type { A } from "./a.ts";'),
    ];
    expect(checkCycles(files)).toEqual([
      "circle: src/raft/a.ts -> src/raft/b.ts -> src/raft/c.ts -> src/raft/a.ts",
    ]);
  });
});

describe("the checker allows", () => {
  const RIGHT: readonly (readonly [what: string, path: string, text: string])[] = [
    ["raft in master/node.ts", "src/master/node.ts", 'import { RaftNode } from "../raft/node.ts";'],
    ["node: in a pump", "src/agent/run.ts", 'import { join } from "node:path";'],
    ["types of the model in io", "src/io/a.ts", 'import type { B } from "../model/b.ts";'],
    ["port files in io", "src/io/a.ts", 'import type { B } from "../raft/store.ts";'],
    ["a package in wire", "src/wire/msgpack.ts", 'import { Packr } from "msgpackr";'],
    ["words in comments", "src/base/a.ts", '// import { b } from "../io/b.ts";\n/* require("x") */'],
    ["words in strings", "src/base/a.ts", "const a = 'import { b } from \"../io/b.ts\"';"],
    ["words in templates", "src/base/a.ts", 'const a = `x import("../io/b.ts")`;'],
  ];
  for (const [what, path, text] of RIGHT) {
    test(what, () => {
      expect(checkDirections([sample(path, text)])).toEqual([]);
    });
  }
});
