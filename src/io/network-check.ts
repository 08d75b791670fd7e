/**
 * Checks of ports (TSK-14): a TCP connection, or one HTTP request, over a
 * socket of the agent's own: no program is started and nothing is pooled.
 * fetch() does not fit: it lets 256 requests go at once, so that servers that
 * hang would make others look dead, and it obeys proxy variables.
 *
 * As `curl -s -S -L -k`, which Mesos runs: redirects are followed, certificates
 * not verified, and the body does not matter; here it is not even read.
 */
import { isIP } from "node:net";
import { CHECK_ANSWER_HEAD_MAX_BYTES, CHECK_REDIRECTS_MAX } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { CheckResult, NetworkCheck, NetworkProbe, Within } from "../isolation/check.ts";
import { type AnswerHead, readHead } from "./answer-head.ts";

export const checkNetwork: NetworkCheck = async (probe, address, signal, within = here) => {
  if (probe.kind === "http") return await checkHttp(probe, address, signal, within);
  const { port } = probe;
  const connected = await connectOnce({ address, port, tls: false, signal, within }, undefined);
  if (connected.ok) return { kind: "connected", connected: true };
  return connected.error.ownFault
    ? { kind: "untried", reason: connected.error.reason }
    : { kind: "connected", connected: false, reason: connected.error.reason };
};

async function checkHttp(
  probe: Extract<NetworkProbe, { kind: "http" }>,
  address: string,
  signal: AbortSignal,
  within: Within,
): Promise<CheckResult> {
  const host = address.includes(":") ? `[${address}]` : address;
  let url = new URL(`${probe.scheme}://${host}:${probe.port}${probe.path}`);
  for (let redirects = 0; ; redirects++) {
    const tls = url.protocol === "https:";
    const port = Number(url.port === "" ? (tls ? 443 : 80) : url.port);
    const target = { address: url.hostname.replace(/^\[|\]$/g, ""), port, tls, signal, within };
    const answer = await connectOnce(target, requestText(url));
    if (!answer.ok) {
      const { ownFault, reason } = answer.error;
      return { kind: ownFault ? "untried" : "failed", reason: `no answer from ${url.href}: ${reason}` };
    }
    const { status, location } = answer.value;
    if (status < 300 || status >= 400 || location === undefined) return { kind: "answered", status };
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (next?.protocol !== "http:" && next?.protocol !== "https:") {
      return {
        kind: "failed",
        reason: `${url.href} redirects to ${JSON.stringify(location)}, which is no HTTP URL`,
      };
    }
    if (redirects === CHECK_REDIRECTS_MAX) {
      return {
        kind: "failed",
        reason: `more than ${CHECK_REDIRECTS_MAX} redirects, the last to ${next.href}`,
      };
    }
    if (within !== here && !isAddress(next.hostname)) {
      const reason = `${url.href} redirects to ${next.href}; names are not looked up in the network of a task`;
      return { kind: "failed", reason };
    }
    url = next;
  }
}

const here: Within = (open) => open();

function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
}

/** URL has encoded what could end a line. */
function requestText({ host, pathname, search }: URL): string {
  return `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: mesh\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}

interface Target {
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  readonly signal: AbortSignal;
  readonly within: Within;
}

interface NoAnswer {
  readonly reason: string;
  /** The agent's process has run out of something: the other side is not to blame. */
  readonly ownFault: boolean;
}

/** What a connection ran out of here (connect(2), socket(2)). */
const OWN_FAULTS = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL"]);

/** Connects; without a request that is all, with one it reads the head of the answer. */
function connectOnce(target: Target, request: string): Promise<Result<AnswerHead, NoAnswer>>;
function connectOnce(target: Target, request: undefined): Promise<Result<undefined, NoAnswer>>;
function connectOnce(
  { address, port, tls, signal, within }: Target,
  request: string | undefined,
): Promise<Result<AnswerHead | undefined, NoAnswer>> {
  return new Promise((settle) => {
    let over = false;
    let socket: Bun.Socket | undefined;
    let head = Buffer.alloc(0);
    const end = (result: Result<AnswerHead | undefined, NoAnswer>): void => {
      if (over) return;
      over = true;
      signal.removeEventListener("abort", onAbort);
      socket?.terminate();
      settle(result);
    };
    const failed = (error: unknown): void => {
      const code = (error as { readonly code?: unknown } | undefined)?.code;
      const reason = error instanceof Error ? error.message : String(error);
      end(fail({ reason, ownFault: typeof code === "string" && OWN_FAULTS.has(code) }));
    };
    const onAbort = (): void => failed("given up");
    if (signal.aborted) {
      failed("given up");
      return;
    }
    signal.addEventListener("abort", onAbort);
    const ready = (): void => {
      if (request === undefined) end(ok(undefined));
      else socket?.write(request);
    };
    const connect = (): Promise<unknown> =>
      Bun.connect({
        hostname: address,
        port,
        ...(tls ? { tls: { rejectUnauthorized: false } } : {}),
        socket: {
          open(opened) {
            socket = opened;
            if (over) opened.terminate();
            else if (!tls) ready();
          },
          handshake: () => ready(),
          data(_, bytes) {
            head = Buffer.concat([head, bytes]);
            const read = readHead(head);
            if (read !== undefined) end(read.ok ? read : fail({ reason: read.error, ownFault: false }));
            else if (head.length > CHECK_ANSWER_HEAD_MAX_BYTES) {
              failed(`the head of its answer is longer than ${CHECK_ANSWER_HEAD_MAX_BYTES} bytes`);
            }
          },
          error: (_, error) => failed(error),
          connectError: (_, error) => failed(error),
          close: () => failed("the connection was closed"),
        },
      });
    try {
      // Of a numeric address the socket is made before this returns.
      within(connect).catch(failed);
    } catch (error) {
      // The agent could not go where the task is.
      end(fail({ reason: error instanceof Error ? error.message : String(error), ownFault: true }));
    }
  });
}
