/** The dialling side of a link: connects, says hello, waits for the welcome. */
import type { Socket } from "bun";
import { HELLO_TIMEOUT_MS } from "../base/limits.ts";
import { FrameLink, type SocketData, socketHandlers } from "./frame-link.ts";
import { decodeAnswer, encodeHello, type Hello, type MemberFacts, type RefusalCode } from "./link-hello.ts";
import { type LinkTls, noMasterReason, tlsOptions } from "./link-tls.ts";

export interface DialOptions {
  readonly hostname: string;
  readonly port: number;
  readonly hello: Hello;
  /** Left out: plain TCP. */
  readonly tls?: LinkTls | undefined;
  /** The other side accepted: its cluster's name, and who it is if it is a master that says so. */
  onWelcome(cluster: string, member: MemberFacts | undefined): void;
  /** Called before `onClose` when the other side said no. */
  onRefused?(code: RefusalCode): void;
  onMessage(payload: Uint8Array): void;
  /** Called once, whether or not there ever was a connection. */
  onClose(reason: string): void;
  onDrain?(): void;
}

export interface Dialled {
  /** False before the welcome, after the end, and while the queue is full. */
  send(payload: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  close(): void;
  readonly queuedBytes: number;
}

/** Starts to connect; everything else is reported to the handlers. */
export function dial(options: DialOptions): Dialled {
  let link: FrameLink | null = null;
  let welcomed = false;
  let ended = false;
  const end = (reason: string): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    link?.close(reason);
    options.onClose(reason);
  };
  const timer = setTimeout(() => end(`no answer within ${HELLO_TIMEOUT_MS} ms`), HELLO_TIMEOUT_MS);

  const answered = (payload: Uint8Array): void => {
    const answer = decodeAnswer(payload);
    if (!answer.ok) end(answer.error);
    else if (answer.value.kind === "refused") {
      options.onRefused?.(answer.value.code);
      end(`refused: ${answer.value.reason}`);
    } else {
      welcomed = true;
      clearTimeout(timer);
      options.onWelcome(answer.value.cluster, answer.value.member);
    }
  };
  const handlers = {
    onFrame: (payload: Uint8Array) => (welcomed ? options.onMessage(payload) : answered(payload)),
    onClose: end,
    onDrain: () => options.onDrain?.(),
  };
  const opened = (socket: Socket<SocketData>): FrameLink => {
    link = new FrameLink(socket, handlers);
    const stranger = noMasterReason(socket, options.tls);
    if (ended) link.close("given up");
    else if (stranger !== null) end(stranger);
    else link.send(encodeHello(options.hello));
    return link;
  };
  // What can be no address is thrown at once, and stands in the membership perhaps: as good as a silent one.
  const connect = async () =>
    Bun.connect<SocketData>({
      hostname: options.hostname,
      port: options.port,
      ...(options.tls === undefined ? {} : { tls: tlsOptions(options.tls) }),
      socket: socketHandlers(opened, options.tls !== undefined, end),
    });
  connect().catch((error: unknown) => end(error instanceof Error ? error.message : String(error)));

  return {
    send: (payload) => welcomed && !ended && link?.send(payload) === true,
    pause: () => link?.pause(),
    resume: () => link?.resume(),
    close: () => end("closed here"),
    get queuedBytes() {
      return link?.queuedBytes ?? 0;
    },
  };
}
