/**
 * Finds the leading master: any master answers `GET /mesh/leader`. The masters
 * are asked in turn. Each search begins with the master after the one that
 * answered last: a leader is looked for again because that answer led nowhere,
 * and a master that is cut off or was removed may name an old leader for ever.
 */
import { fail, ok, type Result } from "../base/result.ts";
import { directFetch } from "./direct-fetch.ts";

/** A master's HTTP address. */
export interface MasterHost {
  readonly hostname: string;
  readonly port: number;
}

export interface FoundLeader {
  readonly masterId: string;
  readonly hostname: string;
  readonly port: number;
  readonly linkHostname: string;
  readonly linkPort: number;
}

/** One master must answer within this time, so that a dead one does not hold up the others. */
const ANSWER_TIMEOUT_MS = 3_000;

export class LeaderFinder {
  readonly #masters: readonly MasterHost[];
  #first = 0;

  /** @param masters at least one */
  constructor(masters: readonly MasterHost[]) {
    this.#masters = masters;
  }

  /** The error says what each master answered. */
  async find(): Promise<Result<FoundLeader>> {
    const reasons: string[] = [];
    for (let turn = 0; turn < this.#masters.length; turn++) {
      const at = (this.#first + turn) % this.#masters.length;
      const master = this.#masters[at] as MasterHost;
      const answer = await askMaster(master);
      if (answer.ok) {
        this.#first = (at + 1) % this.#masters.length;
        return answer;
      }
      reasons.push(`${master.hostname}:${master.port} ${answer.error}`);
    }
    return fail(reasons.join("; "));
  }
}

async function askMaster(master: MasterHost): Promise<Result<FoundLeader>> {
  try {
    // A redirect would lead to the leader's own answer, which is the same one.
    const response = await directFetch(`http://${master.hostname}:${master.port}/mesh/leader`, {
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      headers: { Accept: "application/json" },
    });
    if (response.status === 503) return fail("knows no leader");
    if (!response.ok) return fail(`answered with status ${response.status} (is it a mesh master?)`);
    return readLeader(await response.json());
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError") {
      return fail(`did not answer within ${ANSWER_TIMEOUT_MS} ms`);
    }
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    return fail(`cannot be reached${code}`);
  }
}

function readLeader(body: unknown): Result<FoundLeader> {
  const { leader, link } = fieldsOf(body);
  const { id, hostname, port } = fieldsOf(leader);
  const { hostname: linkHostname, port: linkPort } = fieldsOf(link);
  if (typeof id !== "string" || typeof hostname !== "string" || typeof linkHostname !== "string") {
    return fail("gave an answer that names no leader (is it a mesh master?)");
  }
  if (typeof port !== "number" || typeof linkPort !== "number") {
    return fail("gave an answer without the leader's ports (is it a mesh master?)");
  }
  return ok({ masterId: id, hostname, port, linkHostname, linkPort });
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
