/** Applying changes of notes. */
import { NOTES_MAX_BYTES, NOTES_MAX_COUNT } from "../base/limits.ts";
import { ACCEPTED, refused } from "./apply-outcome.ts";
import type { DeleteNote, Outcome, PutNote } from "./commands.ts";
import { sizeOf } from "./notes.ts";
import type { RegistryState } from "./state.ts";

export function putNote(state: RegistryState, { key, value, ifVersion }: PutNote): Outcome {
  const { notes } = state;
  const old = notes.get(key);
  if (ifVersion !== undefined && ifVersion !== (old?.version ?? 0)) return refused("note-version");
  const bytes = notes.bytes - sizeOf(key, old) + sizeOf(key, { value });
  const count = notes.count + (old === undefined ? 1 : 0);
  if (bytes > NOTES_MAX_BYTES || count > NOTES_MAX_COUNT) return refused("notes-full");
  const version = ++notes.version;
  notes.set(key, { value, version });
  state.touch({ kind: "note", id: key });
  state.touch({ kind: "note-version" });
  return { accepted: true, version };
}

export function deleteNote(state: RegistryState, { key, ifVersion }: DeleteNote): Outcome {
  const note = state.notes.get(key);
  if (note === undefined) return refused("note-unknown");
  if (ifVersion !== undefined && ifVersion !== note.version) return refused("note-version");
  state.notes.delete(key);
  state.touch({ kind: "note", id: key });
  return ACCEPTED;
}
