/**
 * Is a recorded history of concurrent operations on registers linearisable?
 *
 * The search of Wing and Gong ("Testing and Verifying Concurrent Objects",
 * 1993) with Lowe's memory of states already tried ("Testing for
 * linearizability", 2017), one register at a time: a history is linearisable
 * exactly if its part for each object is (Herlihy and Wing, 1990).
 */

/** What a register holds before anything is written. */
export const UNWRITTEN = 0;

/** The register's value is an integer; writers give each value once. */
export type RegisterAction =
  | { readonly kind: "read"; readonly saw: number }
  | { readonly kind: "write"; readonly value: number }
  /** `saw` is the value found; the swap took place exactly if it equals `expected`. Null: unknown. */
  | { readonly kind: "swap"; readonly expected: number; readonly value: number; readonly saw: number | null };

export interface RegisterOperation {
  readonly key: string;
  readonly action: RegisterAction;
  /** Places in the history, all different; an operation of unknown outcome returns at Infinity. */
  readonly invokedAt: number;
  readonly returnedAt: number;
  /** Who did it; for the reader of a refutation. */
  readonly by: string;
}

export type LinearizabilityVerdict =
  | { readonly kind: "linearizable" }
  | { readonly kind: "refuted"; readonly key: string; readonly operations: readonly RegisterOperation[] }
  /** The search was given up; nothing is proved. */
  | { readonly kind: "undecided"; readonly key: string };

/** Steps of the search for one register before it is given up. */
const SEARCH_MAX_STEPS = 2_000_000;

export function checkLinearizability(history: readonly RegisterOperation[]): LinearizabilityVerdict {
  const byKey = Map.groupBy(history, (operation) => operation.key);
  for (const [key, all] of byKey) {
    const operations = withoutGhosts(all).sort((a, b) => a.invokedAt - b.invokedAt);
    const outcome = new Search(operations).run();
    if (outcome === "undecided") return { kind: "undecided", key };
    if (outcome === "refuted") return { kind: "refuted", key, operations };
  }
  return { kind: "linearizable" };
}

/**
 * Leaves out operations of unknown outcome whose value nobody ever saw. Such
 * a one may always take effect last, after all others; each one kept doubles
 * the orders to be tried.
 */
function withoutGhosts(operations: readonly RegisterOperation[]): RegisterOperation[] {
  const seen = new Set<number>();
  for (const { action } of operations) {
    if (action.kind === "read") seen.add(action.saw);
    // A swap of unknown outcome may have found what it expected.
    else if (action.kind === "swap") seen.add(action.saw ?? action.expected);
  }
  return operations.filter(({ action, returnedAt }) => {
    if (returnedAt !== Number.POSITIVE_INFINITY) return true;
    return action.kind !== "read" && seen.has(action.value);
  });
}

/** The register after `action`, or undefined if the action could not have seen this value. */
export function stepRegister(value: number, action: RegisterAction): number | undefined {
  switch (action.kind) {
    case "read":
      return action.saw === value ? value : undefined;
    case "write":
      return action.value;
    case "swap":
      if (action.saw !== null && action.saw !== value) return undefined;
      return value === action.expected ? action.value : value;
  }
}

/** A call or a return in the list of events still to be explained. */
interface Event {
  readonly operation: number;
  /** Set for a call whose operation returned. */
  returned: Event | null;
  readonly isCall: boolean;
  previous: Event | null;
  next: Event | null;
}

class Search {
  readonly #operations: readonly RegisterOperation[];
  readonly #head: Event = { operation: -1, returned: null, isCall: false, previous: null, next: null };
  /** Operations that have taken their place, 32 to a word. */
  readonly #placed: Uint32Array;
  readonly #tried = new Set<string>();
  readonly #stack: { readonly call: Event; readonly value: number }[] = [];
  #value = UNWRITTEN;

  constructor(operations: readonly RegisterOperation[]) {
    this.#operations = operations;
    this.#placed = new Uint32Array(Math.ceil(operations.length / 32));
    this.#link();
  }

  run(): "linearizable" | "refuted" | "undecided" {
    let at = this.#head.next;
    for (let steps = 0; at !== null; steps++) {
      if (steps > SEARCH_MAX_STEPS) return "undecided";
      if (at.isCall) {
        if (this.#place(at)) at = this.#head.next;
        else at = at.next;
        continue;
      }
      // An operation returned that has no place yet: an earlier choice was wrong.
      const last = this.#stack.pop();
      if (last === undefined) return "refuted";
      at = this.#takeBack(last.call, last.value);
    }
    return "linearizable";
  }

  /** Lets the operation take effect now; false if it cannot, or if that was tried. */
  #place(call: Event): boolean {
    const action = this.#operations[call.operation]?.action;
    const value = action === undefined ? undefined : stepRegister(this.#value, action);
    if (value === undefined) return false;
    this.#flip(call.operation);
    const situation = `${value} ${this.#placed.join()}`;
    if (this.#tried.has(situation)) {
      this.#flip(call.operation);
      return false;
    }
    this.#tried.add(situation);
    this.#stack.push({ call, value: this.#value });
    this.#value = value;
    unlink(call);
    if (call.returned !== null) unlink(call.returned);
    return true;
  }

  #takeBack(call: Event, value: number): Event | null {
    this.#value = value;
    this.#flip(call.operation);
    if (call.returned !== null) relink(call.returned);
    relink(call);
    return call.next;
  }

  #flip(operation: number): void {
    const word = operation >> 5;
    this.#placed[word] = (this.#placed[word] ?? 0) ^ (1 << (operation & 31));
  }

  /** Operations of unknown outcome have no return: they may, but need not, take their place. */
  #link(): void {
    const events: { readonly at: number; readonly event: Event }[] = [];
    for (const [operation, { invokedAt, returnedAt }] of this.#operations.entries()) {
      const call: Event = { operation, returned: null, isCall: true, previous: null, next: null };
      events.push({ at: invokedAt, event: call });
      if (returnedAt === Number.POSITIVE_INFINITY) continue;
      call.returned = { operation, returned: null, isCall: false, previous: null, next: null };
      events.push({ at: returnedAt, event: call.returned });
    }
    events.sort((a, b) => a.at - b.at);
    let last = this.#head;
    for (const { event } of events) {
      event.previous = last;
      last.next = event;
      last = event;
    }
  }
}

function unlink(event: Event): void {
  if (event.previous !== null) event.previous.next = event.next;
  if (event.next !== null) event.next.previous = event.previous;
}

/** Undoes `unlink`; the event still knows its neighbours. */
function relink(event: Event): void {
  if (event.previous !== null) event.previous.next = event;
  if (event.next !== null) event.next.previous = event;
}

/** One line for each operation, for the reader of a refutation. */
export function describeHistory(operations: readonly RegisterOperation[]): string {
  return operations
    .map(({ by, action, invokedAt, returnedAt }) => {
      const end = returnedAt === Number.POSITIVE_INFINITY ? "?" : String(returnedAt);
      return `${String(invokedAt).padStart(6)}..${end.padEnd(6)} ${by} ${describeAction(action)}`;
    })
    .join("\n");
}

function describeAction(action: RegisterAction): string {
  switch (action.kind) {
    case "read":
      return `read saw ${action.saw}`;
    case "write":
      return `write ${action.value}`;
    case "swap":
      return `swap ${action.expected} for ${action.value} saw ${action.saw ?? "?"}`;
  }
}
