/**
 * The output of a program as a RecordIO stream of ProcessIO messages. A piece
 * is asked for when the client has taken the one before it.
 */
import type { ContainerOutput } from "../agent/port.ts";
import { PROCESS_IO_HEARTBEAT_MS } from "../base/limits.ts";
import { nanosFromMs } from "../base/time.ts";
import type { ProcessIO } from "../model/v1/agent.ts";
import { encodeRecord } from "../wire/record-io.ts";
import { accepts } from "./accept.ts";
import {
  JSON_TYPE,
  jsonEncoder,
  type MessageEncoder,
  PROTOBUF_TYPE,
  protobufEncoder,
  RECORDIO_TYPE,
} from "./codec.ts";
import type { AgentContext } from "./context.ts";

/** How the records are written, and what the answer's headers say of it. */
export interface StreamEncoder {
  readonly encoder: MessageEncoder;
  readonly headers: Readonly<Record<string, string>>;
}

/** JSON first, as Mesos; undefined when the client takes none of the three types. */
export function negotiateStream(headers: Headers): StreamEncoder | undefined {
  const accept = headers.get("Accept");
  if (accepts(accept, JSON_TYPE)) return { encoder: jsonEncoder, headers: { "Content-Type": JSON_TYPE } };
  if (accepts(accept, PROTOBUF_TYPE)) {
    return { encoder: protobufEncoder, headers: { "Content-Type": PROTOBUF_TYPE } };
  }
  if (!accepts(accept, RECORDIO_TYPE)) return undefined;
  const encoder = accepts(headers.get("Message-Accept"), JSON_TYPE) ? jsonEncoder : protobufEncoder;
  return { encoder, headers: { "Content-Type": RECORDIO_TYPE, "Message-Content-Type": encoder.contentType } };
}

const HEARTBEAT: ProcessIO = {
  type: "CONTROL",
  control: {
    type: "HEARTBEAT",
    heartbeat: { interval: { nanoseconds: nanosFromMs(PROCESS_IO_HEARTBEAT_MS) } },
  },
};

/** The answer; the output is closed when the client goes away. */
export function outputAnswer(
  { clock, neverIdle }: AgentContext,
  request: Request,
  output: ContainerOutput,
  { encoder, headers }: StreamEncoder,
): Response {
  neverIdle?.(request);
  const record = (message: ProcessIO): Uint8Array => encodeRecord(encoder.encode("ProcessIO", message));
  let stopHeartbeats: (() => void) | undefined;
  const close = (): void => {
    stopHeartbeats?.();
    output.close();
  };
  if (request.signal.aborted) close();
  else request.signal.addEventListener("abort", close, { once: true });
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        // The headers leave with the first record.
        controller.enqueue(record(HEARTBEAT));
      },
      async pull(controller) {
        // Heartbeats only while the client waits: they must not heap up before one that does not read.
        stopHeartbeats = clock.every(PROCESS_IO_HEARTBEAT_MS, () => controller.enqueue(record(HEARTBEAT)));
        const piece = await output.next();
        stopHeartbeats();
        if (piece === undefined) {
          request.signal.removeEventListener("abort", close);
          if (!request.signal.aborted) controller.close();
          return;
        }
        const type = piece.stream === "stdout" ? "STDOUT" : "STDERR";
        controller.enqueue(record({ type: "DATA", data: { type, data: piece.bytes } }));
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers });
}
