/** The registry of the feature level before: commands as a master sees them that knows no newer ones. */
import { assert } from "../../src/base/assert.ts";
import { COMMAND_TAGS } from "../../src/registry/commands.ts";
import { type AppliedEntry, Registry } from "../../src/registry/registry.ts";
import { decodeMsgpack, encodeMsgpack } from "../../src/wire/msgpack.ts";

/** Places where level 2 put run ids; level 1 read past them. */
const RUN_ID_PLACES: ReadonlyMap<unknown, number> = new Map([
  [COMMAND_TAGS["launch-tasks"], 6],
  [COMMAND_TAGS["update-task"], 8],
  [COMMAND_TAGS["complete-task"], 4],
]);

export class PreviousRegistry extends Registry {
  override applyEntry(data: Uint8Array): AppliedEntry {
    const entry = decodeMsgpack(data);
    assert(entry.ok && Array.isArray(entry.value), "An entry is a list of commands");
    const [format, ...commands] = entry.value as [unknown, ...unknown[][]];
    return super.applyEntry(encodeMsgpack([format, ...commands.map(asBefore)]));
  }
}

function asBefore(command: unknown[]): unknown[] {
  const place = RUN_ID_PLACES.get(command[0]);
  return place === undefined ? command : command.map((field, i) => (i === place ? null : field));
}
