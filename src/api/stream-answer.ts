/** The Response that carries an event stream. */
import type { EventStream } from "./event-stream.ts";
import { text } from "./respond.ts";

/** Resolves once the stream's first record waits: the headers leave with it. 503 if none came. */
export async function streamAnswer<E>(
  stream: EventStream<E>,
  request: Request,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const { signal } = request;
  if (signal.aborted) stream.disconnect();
  else signal.addEventListener("abort", () => stream.disconnect(), { once: true });
  await stream.ready;
  if (stream.refusal !== undefined) return text(503, stream.refusal);
  return new Response(stream.body(), { headers });
}
