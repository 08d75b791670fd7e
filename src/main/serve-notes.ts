/** Notes for clients on links of their own (src/io/note-link.ts says what they send). */
import { NOTE_VALUE_MAX_BYTES } from "../base/limits.ts";
import type { AgentLink } from "../io/agent-link.ts";
import type { AgentLinkHandlers } from "../io/link-listener.ts";
import { decodeNoteRequest, encodeNoteAnswer, type NoteAnswer, type NoteRequest } from "../io/note-link.ts";
import type { MasterPort } from "../master/port.ts";
import { checkNoteKey } from "../model/validate-note-key.ts";
import type { NoteCommand } from "../registry/commands.ts";

/** The master's side of one client's link. */
export function serveNotes(master: MasterPort | undefined, link: AgentLink): AgentLinkHandlers {
  const answer = (reply: NoteAnswer): void => {
    // A client that reads no answers loses its link, as does one whose answer cannot be queued.
    if (!link.send(encodeNoteAnswer(reply))) link.close();
  };
  return {
    onClose() {},
    onMessage(payload) {
      const request = decodeNoteRequest(payload);
      if (request === undefined || master === undefined) link.close();
      else serve(master, request, answer);
    },
  };
}

function serve(master: MasterPort, request: NoteRequest, answer: (reply: NoteAnswer) => void): void {
  const { id, operation, key } = request;
  const fault = faultOf(request);
  if (fault !== undefined) answer({ id, status: 400, body: fault, version: undefined });
  else if (operation === "get") void read(master, id, key).then(answer);
  else if (master.leadership().kind !== "leading") answer(elsewhere(master, id));
  else {
    void master.changeNote(commandOf(request)).then(({ status, body }) => {
      if (status !== 200) answer({ id, status, body, version: undefined });
      else answer({ id, status, body: "", version: body === "" ? undefined : Number(body) });
    });
  }
}

function commandOf({ operation, key, value, ifVersion }: NoteRequest): NoteCommand {
  if (operation !== "put") return { kind: "delete-note", key, ifVersion };
  return { kind: "put-note", key, value: value ?? new Uint8Array(), ifVersion };
}

function faultOf({ key, value }: NoteRequest): string | undefined {
  const size = value?.length ?? 0;
  if (size <= NOTE_VALUE_MAX_BYTES) return checkNoteKey(key);
  return `Failed to store note "${key}": ${size} bytes are more than the ${NOTE_VALUE_MAX_BYTES} of a note`;
}

/** With all that was committed before; any master can. */
async function read(master: MasterPort, id: number, key: string): Promise<NoteAnswer> {
  const { status, body } = await master.readIndex();
  if (status !== 200) return { id, status, body, version: undefined };
  const note = master.note(key);
  if (note === undefined) return { id, status: 404, body: "", version: undefined };
  return { id, status: 200, body: note.value, version: note.version };
}

function elsewhere(master: MasterPort, id: number): NoteAnswer {
  const link = master.agentLink();
  if (link === undefined) return { id, status: 503, body: "No leader elected", version: undefined };
  return { id, status: 307, body: `${link.hostname}:${link.port}`, version: undefined };
}
