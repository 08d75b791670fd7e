/** The Response that carries an event stream. */
import type { EventStream } from "./event-stream.ts";

/** Resolves once the stream's first record waits: the headers leave with it. */
export async function streamAnswer<E>(
  stream: EventStream<E>,
  request: Request,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const { signal } = request;
  if (signal.aborted) stream.disconnect();
  else signal.addEventListener("abort", () => stream.disconnect(), { once: true });
  await stream.ready;
  return new Response(stream.body(), { headers });
}
