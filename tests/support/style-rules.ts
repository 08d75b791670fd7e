/**
 * The rules of tests/style.test.ts as functions from one file to its
 * complaints, so that each can be tried on bad samples.
 */
import { lineAt, mask, type SourceFile } from "./source-text.ts";

/** One complaint: the rule, the place, and what to do. */
export interface Complaint {
  readonly rule: string;
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

export interface Rule {
  readonly name: string;
  /** Whether the rule looks at this path. */
  readonly covers: (path: string) => boolean;
  readonly check: (file: SourceFile) => readonly Finding[];
}

interface Finding {
  readonly line: number;
  readonly message: string;
}

const SRC_LINES_MAX = 400;
const TEST_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;
const LINE_CHARS_MAX = 110;

/** Words that would let a clock, chance, a timer or IO into a core, each with its replacement. */
const BANNED_IN_CORES: readonly (readonly [pattern: string, instead: string])[] = [
  ["Date", "take `now: Instant`"],
  ["performance", "take `now: Instant`"],
  ["Math\\.random", "take a `Random`"],
  ["crypto", "take a `Random`"],
  ["(?:set|clear)(?:Timeout|Interval|Immediate)", "return the deadline"],
  ["queueMicrotask", "return an effect"],
  ["requestIdleCallback", "return an effect"],
  ["async|await", "return an effect and take the answer as an input"],
  ["Promise", "return an effect and take the answer as an input"],
  ["WeakRef|FinalizationRegistry", "own the value: collection is not repeatable"],
  ["fetch(?=\\()", "return an effect"],
  ["Bun(?=\\.)", "return an effect"],
  ["process(?=\\.)", "take the value as an input"],
  ["console(?=\\.)", "use the Log that is passed in"],
];

const isTypeScript = (path: string): boolean => /\.tsx?$/.test(path);
const isMarkdown = (path: string): boolean => path.endsWith(".md");

const CORE_FOLDERS = [
  "base",
  "model",
  "wire",
  "raft",
  "registry",
  "allocator",
  "isolation",
  "master",
  "agent",
];

/** Whether a path belongs to a core: synchronous and deterministic. */
export function isCore(path: string): boolean {
  const folder = path.split("/")[1] ?? "";
  if (!path.startsWith("src/") || !CORE_FOLDERS.includes(folder)) return false;
  return (
    !path.startsWith("src/isolation/linux/") && !/^src\/(?:master|agent)\/run(?:-[a-z]+)?\.ts$/.test(path)
  );
}

/** Findings of a pattern in `text`, one per match. */
function matches(text: string, pattern: RegExp, message: (match: string) => string): Finding[] {
  return [...text.matchAll(pattern)].map((match) => ({
    line: lineAt(text, match.index),
    message: message(match[0]),
  }));
}

function fileLength(file: SourceFile): Finding[] {
  const limit = file.path.startsWith("tests/") ? TEST_LINES_MAX : SRC_LINES_MAX;
  const lines = file.text.split("\n").length - 1;
  return lines <= limit ? [] : [{ line: limit, message: `${lines} lines: split it, the limit is ${limit}` }];
}

function lineLength(file: SourceFile): Finding[] {
  const masked = mask(file.text);
  const code = masked.code.split("\n");
  const withStrings = masked.withStrings.split("\n");
  return file.text.split("\n").flatMap((text, at) => {
    if (text.length <= LINE_CHARS_MAX || text.includes("://")) return [];
    const inTemplate = (code[at] ?? "").trim() === "" && (withStrings[at] ?? "").trim() !== "";
    if (inTemplate || /["`]/.test(code[at] ?? "")) return [];
    return [{ line: at + 1, message: `${text.length} characters: break it, the limit is ${LINE_CHARS_MAX}` }];
  });
}

const CONTROL = /\b(?:if|for|while|switch|catch|with)\s*\([^{}]*\)\s*$/;
const TYPE_HEAD = /\b(?:class|interface|enum|namespace)\s[^{}()]*$/;
const FUNCTION_HEAD = /(?:\)\s*(?::[^={};]*(?:\{[^{}]*\}[^={};]*)?)?|=>)\s*$/;

function functionLength(file: SourceFile): Finding[] {
  const { code } = mask(file.text);
  const open: number[] = [];
  const findings: Finding[] = [];
  for (let at = 0; at < code.length; at++) {
    if (code[at] === "{") open.push(at);
    if (code[at] !== "}") continue;
    const start = open.pop();
    if (start === undefined) continue;
    const first = lineAt(code, start);
    const lines = lineAt(code, at) - first + 1;
    if (lines <= FUNCTION_LINES_MAX) continue;
    const head = code.slice(Math.max(0, start - 400), start);
    if (!FUNCTION_HEAD.test(head) || CONTROL.test(head) || TYPE_HEAD.test(head)) continue;
    findings.push({
      line: first,
      message: `a function of ${lines} lines: the limit is ${FUNCTION_LINES_MAX}`,
    });
  }
  return findings;
}

function bannedInCores(file: SourceFile): Finding[] {
  const { code } = mask(file.text);
  return BANNED_IN_CORES.flatMap(([pattern, instead]) =>
    matches(code, new RegExp(`(?<![.\\w#])(?:${pattern})(?!\\w)(?!\\s*\\??:)`, "g"), (word) => {
      return `"${word}" in a core: ${instead}`;
    }),
  );
}

function anyType(file: SourceFile): Finding[] {
  const { code } = mask(file.text);
  return matches(code, /(?<![.\w])any\b(?!\s*[(:=.?])/g, () => 'the type "any": use unknown and check');
}

const MARKER = new RegExp(`\\b(?:${["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|")})\\b`, "g");
const MACHINE_PATH = /(?<![\w.$}\-/])\/(?:work|root|home\/\w+)\//g;
const TRACKER_NUMBER = /\bissues? #?\d+/gi;
const SUPPRESSION = /\/[/*]\s*@ts-(?:ignore|nocheck|expect-error\s*$)/gm;

function markdownTitle(file: SourceFile): Finding[] {
  const text = file.text.replace(/^(```|~~~)[\s\S]*?^\1/gm, (block) => block.replace(/[^\n]/g, " "));
  const titles = [...text.matchAll(/^# .+$/gm)];
  const [first] = titles;
  if (titles.length === 1 && first?.index === 0) return [];
  return [{ line: 1, message: `${titles.length} titles: one "# title" on the first line is wanted` }];
}

export const RULES: readonly Rule[] = [
  { name: "file-length", covers: isTypeScript, check: fileLength },
  { name: "line-length", covers: isTypeScript, check: lineLength },
  {
    name: "function-length",
    covers: (path) => isTypeScript(path) && !path.startsWith("tests/"),
    check: functionLength,
  },
  { name: "core-words", covers: (path) => isTypeScript(path) && isCore(path), check: bannedInCores },
  { name: "no-any", covers: isTypeScript, check: anyType },
  {
    name: "no-marker",
    covers: () => true,
    check: (file) =>
      matches(file.text, MARKER, (word) => `"${word}": do it, or say in docs/ what is missing`),
  },
  {
    name: "no-machine-path",
    covers: () => true,
    check: (file) => matches(file.text, MACHINE_PATH, (path) => `"${path}" exists on one machine only`),
  },
  {
    name: "no-tracker-number",
    covers: () => true,
    check: (file) => matches(file.text, TRACKER_NUMBER, (text) => `"${text}": give the reason instead`),
  },
  {
    name: "no-bare-suppression",
    covers: isTypeScript,
    check: (file) =>
      matches(file.text, SUPPRESSION, (text) => `"${text.trim()}": use @ts-expect-error with a reason`),
  },
  { name: "one-title", covers: isMarkdown, check: markdownTitle },
];

/** All complaints about the files. */
export function checkStyle(files: readonly SourceFile[]): Complaint[] {
  return files.flatMap((file) =>
    RULES.filter((rule) => rule.covers(file.path)).flatMap((rule) =>
      rule.check(file).map((finding) => ({ rule: rule.name, path: file.path, ...finding })),
    ),
  );
}
