/** Sessions in containers: see ../session.ts. */
import { closeSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { SESSION_SILENCE_MAX_MS } from "../../base/limits.ts";
import { fail, ok, type Result } from "../../base/result.ts";
import { outsideOwner } from "../confinement.ts";
import type { ContainerSpec, Exit } from "../container.ts";
import { enterCommand } from "../enter-script.ts";
import { enteredSpec } from "../image-command.ts";
import { planLaunch } from "../plan.ts";
import type { Images, Owner } from "../runtime.ts";
import type { ProgramInput, Session } from "../session.ts";
import type { SupervisorCommand } from "../supervisor-script.ts";
import type { Host } from "../tools.ts";
import { cgroupProcesses, makeCgroup } from "./cgroup.ts";
import { killTree } from "./command-check.ts";
import { killCgroupAndRemove } from "./kill.ts";
import { ownerOf } from "./launch.ts";
import { PieceQueue } from "./piece-queue.ts";
import { descendants, type ProcessTable, sendSignal } from "./process-table.ts";
import { openTerminal, resizeTerminal, type Terminal } from "./terminal.ts";
import { containerLives, initOf, type Tracked } from "./tracked.ts";

/** Below the container's own cgroup: its limits hold, and all of a session can be found and ended. */
export const SESSION_CGROUP_PREFIX = "mesh-session-";
/** How often a terminal that was full is tried again. */
const FULL_TERMINAL_FIRST_MS = 1;
const FULL_TERMINAL_MAX_MS = 20;
/** What nsenter(1) may take to notice the end of its program. */
const KILL_PATIENCE_MS = 200;

export class Sessions {
  readonly #host: Host;
  readonly #table: ProcessTable;
  readonly #open = new Map<string, Set<Session>>();
  readonly #cgroups = new Set<string>();
  #last = 0;

  readonly #images: Images | undefined;

  constructor(host: Host, table: ProcessTable, images: Images | undefined) {
    this.#images = images;
    this.#host = host;
    this.#table = table;
  }

  /** @param given of the container, with the session's command, environment, user and terminal */
  open(tracked: Tracked, given: ContainerSpec): Result<Session> {
    const inside = enteredSpec(given, this.#images);
    if (!inside.ok) return inside;
    const spec = inside.value;
    const { namespaces, cgroup: parent } = tracked.record;
    if (namespaces.length > 0 && this.#host.tools.nsenter === undefined) {
      return fail("nsenter (util-linux) is not installed on the agent's machine");
    }
    const owner = ownerOf(spec);
    if (!owner.ok) return owner;
    const plan = planLaunch(spec, this.#host, owner.value);
    if (!plan.ok) return fail(plan.error.message);
    if (!containerLives(this.#table, tracked)) return fail("the container has ended");
    const target = initOf(this.#table, tracked) ?? tracked.supervisor.pid;
    const cgroup =
      parent === undefined ? undefined : `${parent}/${SESSION_CGROUP_PREFIX}${process.pid}-${++this.#last}`;
    const entering = { name: "mesh-session", mark: false, terminal: spec.terminal !== undefined } as const;
    const command = enterCommand(plan.value, this.#host, { target, namespaces, cgroup }, entering);
    try {
      if (cgroup !== undefined) makeCgroup(cgroup);
      const leads = namespaces.length === 0 && spec.terminal !== undefined;
      const userNamespace = this.#host.userNamespace?.file;
      const terminalOwner = outsideOwner(spec, owner.value, this.#host);
      const place = {
        spec,
        cgroup,
        entered: namespaces.includes("pid"),
        leads,
        userNamespace,
        terminalOwner,
      };
      const session = new LinuxSession(this.#table, command, place);
      return ok(this.#follow(tracked.record.containerId, session, cgroup));
    } catch (error) {
      if (cgroup !== undefined) void killCgroupAndRemove(cgroup);
      return fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** Whether the cgroup is that of an open session. */
  holds(cgroup: string): boolean {
    return this.#cgroups.has(cgroup);
  }

  #follow(containerId: string, session: Session, cgroup: string | undefined): Session {
    if (cgroup !== undefined) this.#cgroups.add(cgroup);
    const sessions = this.#open.get(containerId) ?? new Set();
    this.#open.set(containerId, sessions.add(session));
    void session.exit.then(() => {
      if (cgroup !== undefined) this.#cgroups.delete(cgroup);
      sessions.delete(session);
      if (sessions.size === 0) this.#open.delete(containerId);
    });
    return session;
  }

  /** Ends those of a container, or all; resolves when they have ended or take too long. */
  async end(containerId?: string): Promise<void> {
    const found = [...this.#open].flatMap(([id, sessions]) =>
      containerId === undefined || id === containerId ? [...sessions] : [],
    );
    if (found.length === 0) return;
    for (const session of found) session.kill();
    const ends = Promise.all(found.map((session) => session.exit));
    await Promise.race([ends, Bun.sleep(KILL_PATIENCE_MS)]);
  }
}

interface SessionPlace {
  readonly spec: ContainerSpec;
  readonly cgroup: string | undefined;
  /** The program is the child of nsenter(1), which forks where a pid namespace is entered. */
  readonly entered: boolean;
  /** setsid(1) makes the process that was spawned the leader of its session, which it must not be already. */
  readonly leads: boolean;
  /** Goes to the program's descriptor USER_NAMESPACE_FD. */
  readonly userNamespace: number | undefined;
  readonly terminalOwner: Owner | undefined;
}

class LinuxSession implements Session {
  readonly output = new PieceQueue();
  readonly input: ProgramInput;
  readonly exit: Promise<Exit>;
  readonly #table: ProcessTable;
  readonly #place: SessionPlace;
  readonly #child: Bun.Subprocess<Stream, Stream, Stream>;
  #killing = false;
  #ended = false;

  constructor(table: ProcessTable, command: SupervisorCommand, place: SessionPlace) {
    this.#table = table;
    this.#place = place;
    const size = place.spec.terminal;
    if (size === undefined) {
      const child = spawn(command, place, ["pipe", "pipe", "pipe"]);
      this.#child = child;
      this.output.add("stdout", child.stdout as ReadableStream<Uint8Array>);
      this.output.add("stderr", child.stderr as ReadableStream<Uint8Array>);
      this.input = pipeInput(child.stdin as Bun.FileSink);
      this.exit = this.#wait(() => {});
      return;
    }
    const terminal = openTerminal(size.size, place.terminalOwner, true);
    if (!terminal.ok) throw new Error(terminal.error);
    this.#child = spawnInTerminal(command, place, terminal.value);
    const { master } = terminal.value;
    this.output.add("stdout", Bun.file(master).stream());
    this.input = terminalInput(master, () => !this.#ended);
    this.exit = this.#wait(() => closeSync(master));
  }

  async #wait(close: () => void): Promise<Exit> {
    await this.#child.exited;
    const { exitCode, signalCode } = this.#child;
    await this.#end();
    void this.#closeSilent();
    // Before this turn ends nobody can be given the number of the descriptor again.
    this.#ended = true;
    close();
    if (exitCode !== null) return { kind: "exited", code: exitCode };
    const signal = Object.entries(constants.signals).find(([name]) => name === signalCode)?.[1];
    return signal === undefined
      ? { kind: "unknown", reason: `it was ended by ${signalCode}` }
      : { kind: "signaled", signal };
  }

  /** Ends what the program left behind. */
  async #end(): Promise<void> {
    const { cgroup } = this.#place;
    if (cgroup !== undefined) {
      await killCgroupAndRemove(cgroup);
      return;
    }
    for (const { pid, session } of this.#table.all()) {
      if (session === this.#child.pid) sendSignal(pid, "SIGKILL");
    }
  }

  /** Without a cgroup a process may be left that holds the output open and says nothing. */
  async #closeSilent(): Promise<void> {
    if (this.#place.cgroup !== undefined) return;
    for (let seen = -1; seen !== this.output.pieces || !this.output.empty; ) {
      seen = this.output.pieces;
      const silence = new Promise<void>((resolve) => setTimeout(resolve, SESSION_SILENCE_MAX_MS).unref());
      await Promise.race([silence, this.output.ended]);
    }
    this.output.close();
  }

  signal(signal: number): void {
    if (this.#ended) return;
    const { pid } = this.#child;
    const program = this.#place.entered ? this.#table.children(pid)[0] : pid;
    try {
      if (program !== undefined) process.kill(program, signal);
    } catch {
      // It ended meanwhile.
    }
  }

  /**
   * nsenter(1) comes last: a process that loses it waits for the host's init
   * to be reaped, and with it the end of the whole pid namespace.
   */
  kill(): void {
    if (this.#ended || this.#killing) return;
    this.#killing = true;
    const { cgroup, entered } = this.#place;
    const { pid } = this.#child;
    const found =
      cgroup === undefined
        ? descendants(this.#table.all(), pid).map((each) => each.pid)
        : cgroupProcesses(cgroup);
    // A shell that outlived what it waits for would end with that one's status.
    if (!entered) sendSignal(pid, "SIGKILL");
    for (const each of found) if (each !== pid) sendSignal(each, "SIGKILL");
    if (entered && found.some((each) => each !== pid)) {
      setTimeout(() => this.#killHard(), KILL_PATIENCE_MS).unref();
      return;
    }
    this.#killHard();
  }

  #killHard(): void {
    if (this.#ended) return;
    if (this.#place.cgroup !== undefined) void killCgroupAndRemove(this.#place.cgroup);
    killTree(this.#table, this.#child);
  }
}

type Stream = "pipe" | number;

function spawn(command: SupervisorCommand, place: SessionPlace, streams: readonly [Stream, Stream, Stream]) {
  const { spec, leads, userNamespace } = place;
  const more = userNamespace === undefined ? [] : ["ignore", userNamespace];
  const child = Bun.spawn([...command.argv], {
    cwd: spec.sandbox,
    env: { ...command.environment },
    stdio: [...streams, ...more] as [Stream, Stream, Stream],
    // Signals to the agent's terminal do not reach it.
    detached: !leads,
  });
  child.unref();
  return child;
}

function spawnInTerminal(command: SupervisorCommand, place: SessionPlace, { master, slave }: Terminal) {
  try {
    return spawn(command, place, [slave, slave, slave]);
  } catch (error) {
    closeSync(master);
    throw error;
  } finally {
    closeSync(slave);
  }
}

function pipeInput(sink: Bun.FileSink): ProgramInput {
  let open = true;
  return {
    terminal: false,
    async write(bytes) {
      try {
        if (!open) return false;
        sink.write(bytes);
        await sink.flush();
        return true;
      } catch {
        return false;
      }
    },
    end() {
      open = false;
      Promise.resolve(sink.end()).catch(() => {});
    },
    resize: () => false,
    release() {},
  };
}

/** Bun's own writer makes the descriptor a blocking one: a full terminal would hold this process up. */
function terminalInput(master: number, open: () => boolean): ProgramInput {
  return {
    terminal: true,
    async write(bytes) {
      let waitMs = FULL_TERMINAL_FIRST_MS;
      for (let at = 0; at < bytes.length; ) {
        if (!open()) return false;
        try {
          at += writeSync(master, bytes, at);
          waitMs = FULL_TERMINAL_FIRST_MS;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return false;
          await Bun.sleep(waitMs);
          waitMs = Math.min(waitMs * 2, FULL_TERMINAL_MAX_MS);
        }
      }
      return true;
    },
    end() {},
    resize: (size) => open() && resizeTerminal(master, size),
    release() {},
  };
}
