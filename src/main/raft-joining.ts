/** `mesh master --join`: asks the cluster to take this master in as a learner, until it does. */
import type { Log } from "../base/log.ts";
import { directFetch } from "../io/direct-fetch.ts";

const TRY_AGAIN_MS = 500;
/** After a refusal that only an operator can end. */
const REFUSED_AGAIN_MS = 5_000;
const ANSWER_TIMEOUT_MS = 10_000;
const REDIRECTS_MAX = 4;

export interface Joining {
  readonly id: string;
  /** Raft address of this master. */
  readonly address: string;
  /** Name of its cluster: that of another name refuses it. */
  readonly cluster: string;
  /** HTTP addresses of masters of the cluster. */
  readonly masters: readonly string[];
  readonly log: Log;
  blank(): boolean;
}

/** Asks in the background; the result ends it. */
export function startJoining(joining: Joining): () => void {
  const { masters, log } = joining;
  let stopped = masters.length === 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let said = "";
  const say = (text: string): void => {
    if (text !== said) log.warn(text);
    said = text;
  };
  const ask = async (): Promise<void> => {
    let waitMs = TRY_AGAIN_MS;
    for (const master of masters) {
      if (stopped || !joining.blank()) return;
      const answer = await post(master, joining);
      if (answer.status === 200) {
        const promote = `mesh raft promote ${joining.address} --master ${masters.join(",")}`;
        log.info("The cluster sends this master its log; let it vote when it has caught up", { promote });
        return;
      }
      say(`Cannot join the cluster at '${master}': ${answer.text}`);
      if (answer.status >= 400 && answer.status < 500) waitMs = REFUSED_AGAIN_MS;
    }
    if (!stopped) timer = setTimeout(() => void ask(), waitMs);
  };
  if (!stopped) void ask();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

async function post(
  master: string,
  { id, address, cluster }: Joining,
): Promise<{ status: number; text: string }> {
  let base = `http://${master}`;
  try {
    for (let hop = 0; hop < REDIRECTS_MAX; hop++) {
      const response = await directFetch(`${base}/mesh/raft/add`, {
        method: "POST",
        body: JSON.stringify({ id, address, cluster }),
        redirect: "manual",
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      const location = response.headers.get("Location");
      const text = await response.text();
      if (response.status === 404) return { status: 404, text: `${text} Is it a mesh master?` };
      if (response.status !== 307 || location === null) return { status: response.status, text };
      base = new URL(location, base).origin;
    }
    return { status: 0, text: "the masters redirect in circles" };
  } catch (error) {
    return { status: 0, text: error instanceof Error ? error.message : String(error) };
  }
}
