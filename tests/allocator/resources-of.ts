import { assert } from "../../src/base/assert.ts";
import { fail } from "../../src/base/result.ts";
import type { Resources } from "../../src/model/resources.ts";
import { parseResources } from "../../src/model/resources-text.ts";

/** Resources from the text of --resources. */
export function resourcesOf(text: string): Resources {
  const parsed = parseResources(text, { decode: () => fail({ message: "JSON is not used here" }) });
  assert(parsed.ok, parsed.ok ? "" : parsed.error);
  return parsed.value;
}

/** An instant at a number of milliseconds. */
export function at(ms: number): { monotonicMs: number; wallMs: number } {
  return { monotonicMs: ms, wallMs: ms };
}
