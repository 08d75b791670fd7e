/** Runs the Go program of this folder and keeps what it says. */
import { buildMesosGoClient } from "./build.ts";

export interface OfferedResource {
  readonly name: string;
  readonly type: string;
  readonly role: string;
  /** Roles it is reserved for, the outermost first. */
  readonly reserved: readonly string[];
  /** Id of the persistent volume on it, or empty. */
  readonly volume: string;
  readonly scalar: number;
}

/** One line of the program; which fields there are depends on the event. */
export interface Line {
  readonly event: string;
  /** Seconds since 1970. */
  readonly at: number;
  readonly call?: string;
  readonly do?: string;
  readonly error?: string;
  readonly framework?: string;
  readonly heartbeat?: number;
  readonly offer?: string;
  readonly role?: string;
  readonly roles?: readonly string[];
  readonly agent?: string;
  readonly hostname?: string;
  readonly ip?: string;
  readonly port?: number;
  readonly path?: string;
  readonly resources?: readonly OfferedResource[];
  readonly task?: string;
  readonly state?: string;
  readonly latest?: string;
  readonly source?: string;
  readonly reason?: string;
  readonly timestamp?: number;
  readonly uuid?: string;
  readonly message?: string;
  /** Of an answer: its type and what was counted in it. */
  readonly type?: string;
  readonly healthy?: boolean;
  readonly version?: string;
  readonly active?: boolean;
  readonly total?: number;
  readonly metrics?: number;
  readonly flags?: number;
  readonly frameworks?: number;
  readonly tasks?: number;
  readonly agents?: unknown;
  readonly containers?: number;
  readonly paths?: readonly string[];
  readonly size?: number;
  readonly text?: string;
}

/** One line of its standard input, as orders.go reads it. */
export interface Order {
  readonly do:
    | "launch"
    | "store"
    | "give-up"
    | "refuse"
    | "revive"
    | "suppress"
    | "kill"
    | "reconcile"
    | "stop";
  readonly role?: string;
  readonly ids?: readonly string[];
  readonly command?: string;
  readonly seconds?: number;
  readonly roles?: readonly string[];
  readonly tasks?: Readonly<Record<string, string>>;
}

export class MesosGoClient implements AsyncDisposable {
  readonly lines: Line[] = [];
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #ended: Promise<unknown>;
  #trouble = "";

  private constructor(program: string, words: readonly string[]) {
    this.#child = Bun.spawn([program, ...words], { stdio: ["pipe", "pipe", "pipe"] });
    this.#ended = Promise.all([this.#read(), this.#readTrouble()]);
  }

  static async start(...words: readonly string[]): Promise<MesosGoClient> {
    return new MesosGoClient(await buildMesosGoClient(), words);
  }

  order(order: Order): void {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
    this.#child.stdin.flush();
  }

  /** The lines of one event from the line `from` on. */
  of(event: string, from = 0): Line[] {
    return this.lines.slice(from).filter((line) => line.event === event);
  }

  /** Status updates, those that answer a RECONCILE left out. */
  updates(from = 0): Line[] {
    return this.of("update", from).filter(({ reason }) => reason !== "REASON_RECONCILIATION");
  }

  /** Status updates that answer a RECONCILE. */
  reconciled(from = 0): Line[] {
    return this.of("update", from).filter(({ reason }) => reason === "REASON_RECONCILIATION");
  }

  /** Calls that were refused, or broke with their connection. */
  get failedCalls(): Line[] {
    return this.lines.filter(({ event, error }) => (event === "call" || event === "obeyed") && error !== "");
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The last lines, for a test that fails. */
  tail(count = 30): string {
    return [...this.lines.slice(-count).map((line) => JSON.stringify(line)), this.#trouble].join("\n");
  }

  /** Exit status of a program that ends by itself. */
  async exited(): Promise<number> {
    await this.#ended;
    return await this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited();
  }

  async #readTrouble(): Promise<void> {
    this.#trouble = await new Response(this.#child.stderr).text();
  }

  async #read(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.lines.push(JSON.parse(line) as Line);
    }
  }
}
