import { fail, ok, type Result } from "../base/result.ts";

/** What a check wants of an HTTP answer. */
export interface AnswerHead {
  readonly status: number;
  readonly location: string | undefined;
}

/** The head of an HTTP/1 answer (RFC 9112), interim ones passed over; undefined while it is not whole. */
export function readHead(bytes: Buffer): Result<AnswerHead> | undefined {
  let rest = bytes.toString("latin1");
  for (;;) {
    const status = statusOf(rest);
    if (!status.ok) return status;
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    const [, ...fields] = rest.slice(0, end).split("\r\n");
    const code = status.value ?? 0;
    // 101 would be an answer, to a question that is not asked.
    if (code < 100 || code >= 200) return ok({ status: code, location: locationOf(fields) });
    rest = rest.slice(end + 4);
  }
}

/** Refused as soon as it cannot become HTTP. */
function statusOf(text: string): Result<number | undefined> {
  const match = /^HTTP\/1\.[01] (\d{3})[ \r]/.exec(text);
  if (match !== null) return ok(Number(match[1]));
  const begun = "HTTP/1.".startsWith(text.slice(0, 7));
  if (begun && text.length < "HTTP/1.1 200 ".length) return ok(undefined);
  return fail(`its answer is not HTTP/1 but begins with ${JSON.stringify(text.slice(0, 20))}`);
}

function locationOf(fields: readonly string[]): string | undefined {
  const field = fields.find((one) => /^location:/i.test(one));
  return field?.slice(field.indexOf(":") + 1).trim();
}
