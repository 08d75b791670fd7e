/** Waiting for what a spawned supervisor says in its record. */
import { CONTAINER_START_TIMEOUT_MS } from "../../base/limits.ts";
import { lookIfPossible } from "./exhaustion.ts";
import type { EventFiles } from "./exits.ts";
import type { Records } from "./records.ts";

/** How often a start record is looked for beside the event of its creation, which can be lost. */
const START_POLL_MS = 50;

/** Resolves at the start record, the end of the supervisor, or the time limit. */
export async function announced(
  { records, events }: { readonly records: Records; readonly events: EventFiles },
  id: string,
  child: Bun.Subprocess,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = () => {
    if (lookIfPossible(() => records.read(id))?.started === true) resolve();
  };
  events.listen(id, look);
  const poll = setInterval(look, START_POLL_MS);
  const limit = setTimeout(resolve, CONTAINER_START_TIMEOUT_MS);
  child.exited.then(() => resolve());
  await promise;
  clearInterval(poll);
  clearTimeout(limit);
  events.forget(id);
}
