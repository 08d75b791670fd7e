/** Notes: a client changes one and is answered once that is committed and applied. */
import { present } from "../base/assert.ts";
import { ERRORS } from "../base/errors.ts";
import type { NoteCommand } from "../registry/commands.ts";
import type { Fate, Leader } from "./leader.ts";
import type { NoteInput } from "./types.ts";

export function changeNote(leader: Leader, { ref, command }: NoteInput): void {
  leader.noteChanges.set(command, ref);
  leader.propose(command);
}

/** Commands of one term are applied in the order proposed, so the oldest request is the one to answer. */
export function noteChanged(leader: Leader, command: NoteCommand, fate: Fate): void {
  const dropped = !fate.accepted && fate.reason === "overloaded";
  const [oldest] = leader.noteChanges.keys();
  const proposed = dropped
    ? command
    : present(oldest, `A change of note "${command.key}" was not proposed here`);
  const ref = leader.noteChanges.get(proposed);
  leader.noteChanges.delete(proposed);
  if (ref === undefined) return;
  if (fate.accepted) leader.answer(ref, 200, String(fate.version ?? ""));
  else leader.answer(ref, ...refusal(command, fate.reason));
}

function refusal(command: NoteCommand, reason: string): [status: number, body: string] {
  const what = `Failed to ${command.kind === "put-note" ? "store" : "remove"} note "${command.key}"`;
  switch (reason) {
    case "note-unknown":
      return [404, `${what}: there is none`];
    case "note-version":
      return [412, `${what}: its version is no longer ${command.ifVersion}; read it again`];
    case "notes-full":
      return [507, `${what}: the notes of this cluster take all the room they may; remove some`];
    default:
      return [503, `${what}: ${ERRORS.OVERLOADED.meaning}`];
  }
}
