/** The one listening port of a master: other masters and agents say hello here. */
import type { Socket } from "bun";
import { MeshError } from "../base/errors.ts";
import { FRAME_MAX_BYTES, HELLO_MAX_BYTES, HELLO_TIMEOUT_MS } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import type { AcceptedLink, AgentLink } from "./agent-link.ts";
import { FrameLink, type LinkHandlers, type SocketData, socketHandlers } from "./frame-link.ts";
import {
  decodeHello,
  encodeAnswer,
  type Hello,
  helloRefusal,
  type MemberFacts,
  type RefusalCode,
} from "./link-hello.ts";
import { LinkPace } from "./link-pace.ts";
import { type LinkTls, noMasterReason, SPEAKS_TLS, tlsOptions } from "./link-tls.ts";

/** What the owner of an agent's link wants to hear of it. */
export interface AgentLinkHandlers {
  /** One message; `payload` is to be copied if it is kept. */
  onMessage(payload: Uint8Array): void;
  onClose(reason: string): void;
  onDrain?(): void;
}

export type Meeting =
  | { readonly ok: true; readonly member: MemberFacts }
  | { readonly ok: false; readonly code: RefusalCode; readonly reason: string };

export interface ListenerOptions {
  readonly hostname: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly cluster: string;
  /** Left out: plain TCP. */
  readonly tls?: LinkTls | undefined;
  readonly log: Log;
  /** Of what agents and clients say and hear. */
  readonly pace?: LinkPace;
  /** Decides about another master, and says who this one is; all are welcome when this is left out. */
  readonly meet?: (hello: Hello) => Meeting;
  onPeerOpened?(hello: Hello): void;
  onPeerMessage(from: string, payload: Uint8Array): void;
  /** `last`: the master has no other link to here. */
  onPeerClosed(from: string, last: boolean): void;
  onAgentLink(link: AcceptedLink, hello: Hello): AgentLinkHandlers;
  /** A client of the notes (note-link.ts); refused when this is left out. */
  readonly onClientLink?: (link: AgentLink) => AgentLinkHandlers;
}

export interface LinkListener {
  readonly port: number;
  /** Ends the links that this master opened to here. */
  hangUp(from: string, reason: string): void;
  close(): void;
}

/** Throws MeshError ADDRESS_IN_USE, or BAD_FLAG for an address that is not of this machine. */
export function listenForLinks(options: ListenerOptions): LinkListener {
  const links = new Set<FrameLink>();
  const peers = new Map<FrameLink, string>();
  const pace = options.pace ?? new LinkPace();
  const opened = (socket: ConstructorParameters<typeof FrameLink>[0]): FrameLink => {
    const link = new FrameLink(socket, { onFrame() {}, onClose() {} }, pace);
    // Whoever connects can send: until it said who it is, it gets little memory.
    link.limitFrames(HELLO_MAX_BYTES);
    const timer = setTimeout(() => link.close(`no hello within ${HELLO_TIMEOUT_MS} ms`), HELLO_TIMEOUT_MS);
    links.add(link);
    const adopt = (handlers: LinkHandlers): void => {
      link.handlers = {
        ...handlers,
        onClose(reason) {
          clearTimeout(timer);
          links.delete(link);
          peers.delete(link);
          handlers.onClose(reason);
        },
      };
    };
    adopt({
      onClose(reason) {
        if (reason === SPEAKS_TLS) options.log.warn("Refused a link", { remote: link.remote, reason });
      },
      onFrame(payload) {
        clearTimeout(timer);
        const isLast = (from: string): boolean => ![...peers.values()].includes(from);
        const noMaster = (): string | null => noMasterReason(socket, options.tls);
        const peer = greet(options, link, payload, adopt, isLast, noMaster);
        if (peer !== undefined) peers.set(link, peer);
      },
    });
    return link;
  };
  const listener = listen(options, opened);
  return {
    port: listener.port,
    hangUp(from, reason) {
      for (const [link, peer] of peers) if (peer === from) link.close(reason);
    },
    close() {
      listener.stop(true);
      for (const link of links) link.close("this master stops");
    },
  };
}

/** Returns the id of a master that was let in. */
function greet(
  options: ListenerOptions,
  link: FrameLink,
  payload: Uint8Array,
  adopt: (handlers: LinkHandlers) => void,
  isLast: (from: string) => boolean,
  noMaster: () => string | null,
): string | undefined {
  const hello = decodeHello(payload);
  const unfit = hello.ok ? helloRefusal(hello.value, options.cluster) : hello.error;
  const refusal = unfit ?? (hello.ok && hello.value.kind === "peer" ? noMaster() : null);
  if (!hello.ok || refusal !== null) {
    refuse(options, link, refusal ?? "", "other");
    return undefined;
  }
  const meeting = hello.value.kind === "peer" ? options.meet?.(hello.value) : undefined;
  if (meeting?.ok === false) {
    refuse(options, link, meeting.reason, meeting.code);
    return undefined;
  }
  link.limitFrames(FRAME_MAX_BYTES);
  const member = meeting === undefined ? {} : { member: meeting.member };
  link.send(encodeAnswer({ kind: "welcome", cluster: options.cluster, ...member }));
  const { kind, from } = hello.value;
  if (kind === "peer") {
    // A late heartbeat would cost the leader its place.
    link.hurry();
    options.onPeerOpened?.(hello.value);
    adopt({
      onFrame: (frame) => options.onPeerMessage(from, frame),
      onClose: () => options.onPeerClosed(from, isLast(from)),
    });
    return from;
  }
  const other = agentLink(link);
  const handlers =
    kind === "client" ? options.onClientLink?.(other) : options.onAgentLink(other, hello.value);
  if (handlers === undefined) {
    link.close("this master serves no clients on links");
    return undefined;
  }
  adopt({
    onFrame: (frame) => handlers.onMessage(frame),
    onClose: (reason) => handlers.onClose(reason),
    onDrain: () => handlers.onDrain?.(),
  });
  return undefined;
}

function refuse(options: ListenerOptions, link: FrameLink, reason: string, code: RefusalCode): void {
  options.log.warn("Refused a link", { remote: link.remote, reason });
  link.send(encodeAnswer({ kind: "refused", reason, code }));
  link.end(reason);
}

function agentLink(link: FrameLink): AcceptedLink {
  return {
    remote: link.remote,
    get queuedBytes() {
      return link.queuedBytes;
    },
    send: (payload) => link.send(payload),
    pause: () => link.pause(),
    resume: () => link.resume(),
    close: () => link.close("closed by the master"),
    end: () => link.end("closed by the master"),
  };
}

function listen(options: ListenerOptions, opened: Parameters<typeof socketHandlers>[0]) {
  const { hostname, port } = options;
  try {
    const { tls, log } = options;
    const refused = (reason: string, { remoteAddress }: Socket<SocketData>): void => {
      log.warn("Refused a link", { remote: remoteAddress, reason });
    };
    return Bun.listen<SocketData>({
      hostname,
      port,
      ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
      socket: socketHandlers(opened, tls !== undefined, refused),
    });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const action = `Cannot listen on "${hostname}:${port}"`;
    if (code === "EADDRINUSE") {
      throw new MeshError(
        "ADDRESS_IN_USE",
        `${action}: another process does; stop it or choose another --raft-port`,
      );
    }
    const text = error instanceof Error ? error.message : String(error);
    throw new MeshError("BAD_FLAG", `${action}: ${text}; give an address of this machine as --ip`);
  }
}
