/** Agent's side of its link to a master. When to connect again is the caller's decision: leaders change. */
import { dial } from "./dial.ts";
import { LINK_VERSION } from "./link-hello.ts";
import type { LinkTls } from "./link-tls.ts";

/** One link between a master and an agent, seen from either end. */
export interface AgentLink {
  /** "address:port" of the other end. */
  readonly remote: string;
  /** Bytes that wait for the other end. */
  readonly queuedBytes: number;
  /** One message as msgpack bytes; false if the link is not open or its queue is full. */
  send(payload: Uint8Array): boolean;
  /** Stops reading, so that the other end has to wait. */
  pause(): void;
  resume(): void;
  close(): void;
}

/** A link that came in at a master. */
export interface AcceptedLink extends AgentLink {
  /** Closes once what was sent before is written; nothing more is heard. */
  end(): void;
}

export interface AgentLinkOptions {
  readonly hostname: string;
  /** Raft port of the master. */
  readonly port: number;
  /** Empty if not known yet. */
  readonly cluster: string;
  /** Left out: plain TCP. */
  readonly tls?: LinkTls | undefined;
  /** Name of the agent, for logs. */
  readonly from: string;
  /** The master accepted the link; from now on `send` works. */
  onOpen(cluster: string): void;
  /** One message; `payload` is to be copied if it is kept. */
  onMessage(payload: Uint8Array): void;
  /** Called once, also if the connection never came about. */
  onClose(reason: string): void;
  onDrain?(): void;
}

export function connectAgentLink(options: AgentLinkOptions): AgentLink {
  const { hostname, port, cluster, tls, from } = options;
  const dialled = dial({
    hostname,
    port,
    tls,
    hello: { kind: "agent", cluster, from, version: LINK_VERSION },
    onWelcome: (name) => options.onOpen(name),
    onMessage: (payload) => options.onMessage(payload),
    onClose: (reason) => options.onClose(reason),
    onDrain: () => options.onDrain?.(),
  });
  return {
    remote: `${hostname}:${port}`,
    get queuedBytes() {
      return dialled.queuedBytes;
    },
    send: (payload) => dialled.send(payload),
    pause: () => dialled.pause(),
    resume: () => dialled.resume(),
    close: () => dialled.close(),
  };
}
