/**
 * Sessions in containers, and looking at containers from outside (Mesos' I/O
 * switchboard, which there is a process for each such container). Nothing here
 * is written down: sessions end with the connection that asked for them, and
 * with this process. Beside the core, which knows nothing of them.
 */
import { ENDED_SESSIONS_MAX, SESSIONS_MAX, STREAM_QUEUE_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { ContainerSpec, Exit } from "../isolation/container.ts";
import type { OutputPiece, ProgramInput, ProgramOutput, Session } from "../isolation/session.ts";
import { containerIdText } from "../model/container-id.ts";
import type { ContainerID } from "../model/v1/ids.ts";
import { runningContainer, sessionSpec } from "./entered-container.ts";
import { unknownSignal } from "./nested-calls.ts";
import type { CallAnswer, ContainerPort, SessionCall } from "./port.ts";
import type { AgentDrivers } from "./run-drivers.ts";
import type { AgentState } from "./state.ts";

const SIGKILL = 9;

interface OpenSession {
  readonly session: Session;
  /** Others than its owner who want its output too. */
  readonly readers: Set<Reader>;
}

export class ContainerSessions implements ContainerPort {
  readonly #state: AgentState;
  readonly #drivers: Pick<AgentDrivers, "runtime" | "followOutput">;
  readonly #open = new Map<string, OpenSession>();
  /** Of ended sessions, oldest first. */
  readonly #exits = new Map<string, Exit>();
  /** Whose input somebody gives. */
  readonly #givers = new Map<string, ProgramInput>();
  /** Aborted, with the exit as reason, when the container ends. */
  readonly #ends = new Map<string, AbortController>();

  constructor(state: AgentState, drivers: Pick<AgentDrivers, "runtime" | "followOutput">) {
    this.#state = state;
    this.#drivers = drivers;
  }

  /** Also of containers that nobody looks at. */
  containerEnded(containerId: string, exit: Exit): void {
    this.#givers.get(containerId)?.release();
    const end = this.#ends.get(containerId);
    this.#ends.delete(containerId);
    end?.abort(exit);
  }

  openSession({ containerId, command, container }: SessionCall): Result<ProgramOutput, CallAnswer> {
    const { parent } = containerId;
    if (parent === undefined) return refuse(400, "Expecting 'container_id.parent' to be present");
    const id = containerIdText(containerId);
    if (this.#open.has(id) || this.#exits.has(id) || this.#state.nested.has(id))
      return fail({ status: 202, body: "" });
    if (this.#open.size >= SESSIONS_MAX) {
      return refuse(
        503,
        `Failed to launch container ${id}: the agent has ${SESSIONS_MAX} sessions, the most it can`,
      );
    }
    const parentId = containerIdText(parent);
    const entered = runningContainer(this.#state, parentId);
    if (entered === undefined) return notFound(parentId);
    const spec = sessionSpec(entered, command, container, this.#state.config.switchUser);
    if (!spec.ok) return refuse(400, `Failed to launch container ${id}: ${spec.error}`);
    const opened = this.#drivers.runtime.openSession(parentId, spec.value);
    if (!opened.ok) return refuse(400, `Failed to launch container ${id}: ${opened.error}`);
    return ok(this.#follow(id, opened.value));
  }

  #follow(id: string, session: Session): ProgramOutput {
    const open: OpenSession = { session, readers: new Set() };
    this.#open.set(id, open);
    void session.exit.then((exit) => {
      this.#open.delete(id);
      this.#exits.set(id, exit);
      const [oldest] = this.#exits.keys();
      if (this.#exits.size > ENDED_SESSIONS_MAX && oldest !== undefined) this.#exits.delete(oldest);
      this.containerEnded(id, exit);
    });
    return {
      async next() {
        const piece = await session.output.next();
        for (const reader of open.readers) reader.put(piece);
        return piece;
      },
      close() {
        session.output.close();
        for (const reader of open.readers) reader.put(undefined);
        session.kill();
      },
    };
  }

  attachOutput(containerId: ContainerID): Result<ProgramOutput, CallAnswer> {
    const id = containerIdText(containerId);
    const open = this.#open.get(id);
    if (open !== undefined) {
      const reader = new Reader(() => open.readers.delete(reader));
      open.readers.add(reader);
      return ok(reader);
    }
    const spec = runningContainer(this.#state, id);
    return spec === undefined ? notFound(id) : ok(this.#drivers.followOutput(filesOf(spec), this.#endOf(id)));
  }

  /** Aborts when the container ends, with its exit as the reason. */
  #endOf(id: string): AbortSignal {
    const end = this.#ends.get(id) ?? new AbortController();
    this.#ends.set(id, end);
    return end.signal;
  }

  attachInput(containerId: ContainerID): Result<ProgramInput, CallAnswer> {
    const id = containerIdText(containerId);
    const open = this.#open.get(id);
    if (open === undefined && runningContainer(this.#state, id) === undefined) return notFound(id);
    if (this.#givers.has(id)) {
      return refuse(409, `Failed to attach to the input of container ${id}: somebody else gives it already`);
    }
    const input = open === undefined ? this.#drivers.runtime.openInput(id) : ok(open.session.input);
    if (!input.ok) return refuse(400, `Failed to attach to the input of container ${id}: ${input.error}`);
    this.#givers.set(id, input.value);
    return ok({
      terminal: input.value.terminal,
      write: (bytes) => input.value.write(bytes),
      end: () => input.value.end(),
      resize: (size) => input.value.resize(size),
      release: () => {
        if (this.#givers.get(id) === input.value) this.#givers.delete(id);
        input.value.release();
      },
    });
  }

  wait(containerId: ContainerID, signal: AbortSignal): Promise<Exit | undefined> | undefined {
    const id = containerIdText(containerId);
    const exit = this.#exits.get(id);
    if (exit !== undefined) return Promise.resolve(exit);
    if (!this.#open.has(id)) return undefined;
    const end = this.#endOf(id);
    return new Promise((settle) => {
      const any = AbortSignal.any([end, signal]);
      const answer = (): void => settle(end.aborted ? (end.reason as Exit) : undefined);
      if (any.aborted) answer();
      else any.addEventListener("abort", answer, { once: true });
    });
  }

  kill(containerId: ContainerID, signal: number): CallAnswer | undefined {
    const id = containerIdText(containerId);
    const open = this.#open.get(id);
    if (open === undefined) return this.#exits.has(id) ? { status: 200, body: "" } : undefined;
    const unknown = unknownSignal(id, signal);
    if (unknown !== undefined) return { status: 400, body: unknown };
    if (signal === SIGKILL) open.session.kill();
    else open.session.signal(signal);
    return { status: 200, body: "" };
  }

  remove(containerId: ContainerID): CallAnswer | undefined {
    const id = containerIdText(containerId);
    if (this.#exits.delete(id)) return { status: 200, body: "" };
    if (!this.#open.has(id)) return undefined;
    return { status: 500, body: `Failed to remove container ${id}: it still runs` };
  }
}

function filesOf({ sandbox, stdoutName, stderrName, terminal }: ContainerSpec) {
  const stdout = { stream: "stdout", path: `${sandbox}/${stdoutName}` } as const;
  const stderr = { stream: "stderr", path: `${sandbox}/${stderrName}` } as const;
  return terminal === undefined ? [stdout, stderr] : [stdout];
}

function refuse(status: number, body: string): { readonly ok: false; readonly error: CallAnswer } {
  return fail({ status, body });
}

function notFound(id: string): { readonly ok: false; readonly error: CallAnswer } {
  return refuse(404, `Container ${id} cannot be found`);
}

/** One more who reads a session's output; a slow one is cut off, as the session must not wait for it. */
class Reader implements ProgramOutput {
  readonly #pieces: OutputPiece[] = [];
  readonly #onClose: () => void;
  #bytes = 0;
  #ended = false;
  #taker: ((piece: OutputPiece | undefined) => void) | undefined;

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  put(piece: OutputPiece | undefined): void {
    if (this.#ended) return;
    if (piece !== undefined && this.#taker === undefined) {
      this.#pieces.push(piece);
      this.#bytes += piece.bytes.length;
      if (this.#bytes <= STREAM_QUEUE_MAX_BYTES) return;
      this.#pieces.length = 0;
      this.close();
      return;
    }
    if (piece === undefined) this.#ended = true;
    this.#taker?.(piece);
    this.#taker = undefined;
  }

  async next(): Promise<OutputPiece | undefined> {
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      this.#bytes -= piece.bytes.length;
      return piece;
    }
    if (this.#ended) return undefined;
    return await new Promise((take) => {
      this.#taker = take;
    });
  }

  close(): void {
    this.put(undefined);
    this.#onClose();
  }
}
