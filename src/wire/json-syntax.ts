/**
 * Says where text stops being JSON, in the words Mesos' parser uses: "syntax
 * error at line 1 near: …" with the rest of that line. Only for text that
 * JSON.parse has refused.
 */
export function describeSyntaxError(text: string): string {
  const at = Math.min(failurePosition(text), text.length);
  const line = text.slice(0, at).split("\n").length;
  const end = text.indexOf("\n", at);
  const rest = text.slice(at, end < 0 ? undefined : end);
  return `syntax error at line ${line} near: ${rest.slice(0, SHOWN_MAX_CHARS)}`;
}

/** Of a long line, enough to find the place. */
const SHOWN_MAX_CHARS = 80;

// Sticky patterns of one token each, white space before it included.
const SPACE = /[ \t\r\n]*/y;
const PLAIN = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/** Where a strict reader of `text` meets the first character that cannot stand there. */
function failurePosition(text: string): number {
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  /** Closing characters of the collections that are open. */
  const open: ("]" | "}")[] = [];
  /** What may come next: `first` = a member or the end of the collection just opened. */
  let expect: "value" | "first" | "key" | "next" = "value";
  for (;;) {
    skip(SPACE);
    const char = text[at];
    const closing = open.at(-1);
    if (char === undefined) return at;
    if (expect === "next" || (expect === "first" && char === closing)) {
      if (closing !== undefined && char === closing) open.pop();
      else if (expect !== "next" || char !== "," || closing === undefined) return at;
      at++;
      expect = char !== "," ? "next" : closing === "}" ? "key" : "value";
      continue;
    }
    if (expect !== "value" && closing === "}") {
      if (!skip(TEXT)) return at;
      skip(SPACE);
      if (text[at] !== ":") return at;
      at++;
      expect = "value";
    } else if (char === "{" || char === "[") {
      open.push(char === "{" ? "}" : "]");
      at++;
      expect = "first";
    } else {
      if (!skip(TEXT) && !skip(PLAIN)) return at;
      expect = "next";
    }
  }
}
