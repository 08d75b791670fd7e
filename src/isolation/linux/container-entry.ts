/** What the runtime holds of a container in memory. */
import type { Exit } from "../container.ts";
import type { Tracked } from "./tracked.ts";

export interface Container {
  readonly id: string;
  /** Aborted when the launch is to be given up, and when the container is to end or has ended. */
  readonly cancel: AbortController;
  /** Settled when the launch is through, whichever way. */
  readonly launching: PromiseWithResolvers<void>;
  readonly ended: PromiseWithResolvers<Exit>;
  tracked?: Tracked;
  exit?: Exit;
  settling: boolean;
}

export function newContainer(id: string): Container {
  return {
    id,
    cancel: new AbortController(),
    launching: Promise.withResolvers<void>(),
    ended: Promise.withResolvers<Exit>(),
    settling: false,
  };
}
