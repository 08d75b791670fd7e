/** Notes for clients on links of their own (src/io/note-link.ts says what they send). */
import { NOTE_VALUE_MAX_BYTES } from "../base/limits.ts";
import type { AgentLink } from "../io/agent-link.ts";
import type { AgentLinkHandlers } from "../io/link-listener.ts";
import { decodeNoteRequest, encodeNoteAnswer, type NoteAnswer, type NoteRequest } from "../io/note-link.ts";
import type { MasterPort } from "../master/port.ts";
import { checkNoteKey } from "../model/validate-note-key.ts";

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
      else void serve(master, request).then(answer);
    },
  };
}

async function serve(master: MasterPort, request: NoteRequest): Promise<NoteAnswer> {
  const { id, operation, key, value, ifVersion } = request;
  const fault = faultOf(request);
  if (fault !== undefined) return { id, status: 400, body: fault, version: undefined };
  if (operation === "get") return read(master, id, key);
  if (master.leadership().kind !== "leading") return elsewhere(master, id);
  const { status, body } = await master.changeNote(
    operation === "put"
      ? { kind: "put-note", key, value: value ?? new Uint8Array(), ifVersion }
      : { kind: "delete-note", key, ifVersion },
  );
  if (status !== 200) return { id, status, body, version: undefined };
  return { id, status, body: "", version: body === "" ? undefined : Number(body) };
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
