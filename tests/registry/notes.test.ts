import { expect, test } from "bun:test";
import { NOTE_VALUE_MAX_BYTES, NOTES_MAX_BYTES } from "../../src/base/limits.ts";
import { encodeCommands } from "../../src/registry/codec.ts";
import type { Command, Outcome } from "../../src/registry/commands.ts";
import { Registry } from "../../src/registry/registry.ts";

function apply(registry: Registry, ...commands: Command[]): readonly Outcome[] {
  return registry.applyEntry(encodeCommands(commands)).outcomes;
}

function put(key: string, value: string | Uint8Array, ifVersion?: number): Command {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return { kind: "put-note", key, value: bytes, ifVersion };
}

function remove(key: string, ifVersion?: number): Command {
  return { kind: "delete-note", key, ifVersion };
}

test("versions grow over all notes and are never used again", () => {
  const registry = new Registry();
  expect(apply(registry, put("a", "1"), put("b", "1"), put("a", "2"))).toEqual([
    { accepted: true, version: 1 },
    { accepted: true, version: 2 },
    { accepted: true, version: 3 },
  ]);
  apply(registry, remove("a"));
  expect(apply(registry, put("a", "3"))).toEqual([{ accepted: true, version: 4 }]);
});

test("a change is refused when the version is another one", () => {
  const registry = new Registry();
  const wrong = { accepted: false, reason: "note-version" } as const;
  expect(apply(registry, put("a", "1", 0), put("a", "2", 0), put("a", "2", 7), remove("a", 7))).toEqual([
    { accepted: true, version: 1 },
    wrong,
    wrong,
    wrong,
  ]);
  expect(new TextDecoder().decode(registry.note("a")?.value)).toBe("1");
  expect(apply(registry, remove("a", 1), remove("a"))).toEqual([
    { accepted: true },
    { accepted: false, reason: "note-unknown" },
  ]);
});

test("what all notes take is bounded, and removal makes room", () => {
  const registry = new Registry();
  const value = new Uint8Array(NOTE_VALUE_MAX_BYTES);
  const fit = Math.floor(NOTES_MAX_BYTES / (NOTE_VALUE_MAX_BYTES + 2 * 4));
  for (let i = 0; i < fit; i++) apply(registry, put(`k${String(i).padStart(3, "0")}`, value));
  expect(apply(registry, put("next", value))).toEqual([{ accepted: false, reason: "notes-full" }]);
  expect(apply(registry, put("k000", value))[0]?.accepted).toBe(true);
  apply(registry, remove("k001"));
  expect(apply(registry, put("next", value))[0]?.accepted).toBe(true);
});

test("notes and their version come back from disk", () => {
  const registry = new Registry();
  apply(registry, put("dir/a", "1"), put("b", "2"), remove("b"));
  const found = new Registry();
  found.load(
    registry.takeChanges().flatMap(([key, value]) => (value === null ? [] : [[key, value] as const])),
  );
  expect(found.noteKeys("")).toEqual(["dir/a"]);
  expect(found.digest()).toBe(registry.digest());
  expect(apply(found, put("c", "3"))).toEqual([{ accepted: true, version: 3 }]);
});
