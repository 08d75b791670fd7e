/**
 * Regular expressions of frameworks (offer constraints), in RE2's syntax and
 * matched in time linear in the text, so that no expression can stall a
 * master. The only user of re2js.
 *
 * Mesos bounds an expression by the memory that RE2 may take for it and by the
 * size of its program (OfferConstraintsFilter). re2js knows its program's size
 * alone; the memory is reckoned from it as RE2 was seen to need it.
 */
import { RE2JS } from "re2js";
import { fail, ok, type Result } from "../base/result.ts";
import { estimateProgram } from "./pattern-size.ts";

export interface PatternLimits {
  /** `--offer_constraints_re2_max_mem`. */
  readonly maxMemBytes: number;
  /** `--offer_constraints_re2_max_program_size`, in instructions. */
  readonly maxProgramSize: number;
}

/**
 * RE2 spends two thirds of its memory on the program. By the example beside the default of Mesos
 * (master/constants.hpp): 54 instructions of 16 bytes need 1,499 bytes.
 */
const INSTRUCTION_BYTES = 16;
const PROGRAM_BYTES = 135;
/** What is sure to be too large is not compiled; the estimate may be so many times too high. */
const ESTIMATE_SLACK = 4;

/** A compiled expression. */
export class TextPattern {
  readonly source: string;
  readonly #compiled: RE2JS;

  constructor(source: string, compiled: RE2JS) {
    this.source = source;
    this.#compiled = compiled;
  }

  /** Whether it matches the text from beginning to end (RE2::FullMatch). */
  matches(text: string): boolean {
    return this.#compiled.testExact(text);
  }
}

/** The error says why the expression is refused, as Mesos words it. */
export function compilePattern(source: string, limits: PatternLimits): Result<TextPattern> {
  const maxInstructions = Math.floor(((limits.maxMemBytes * 2) / 3 - PROGRAM_BYTES) / INSTRUCTION_BYTES);
  const tooLarge = `Failed to construct regex from pattern '${shown(source)}': pattern too large - compile failed`;
  if (source.length > limits.maxMemBytes) return fail(tooLarge);
  if (estimateProgram(source) > maxInstructions * ESTIMATE_SLACK) return fail(tooLarge);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^error parsing regexp: /, "") : `${error}`;
    return fail(`Failed to construct regex from pattern '${shown(source)}': ${reason}`);
  }
  const size = compiled.programSize();
  if (size > limits.maxProgramSize) {
    return fail(
      `Regex '${shown(source)}' is too complex: program size of ${size} is larger than maximum of ${limits.maxProgramSize} allowed`,
    );
  }
  if (size > maxInstructions) return fail(tooLarge);
  return ok(new TextPattern(source, compiled));
}

/** Longest part of an expression that an error quotes. */
const QUOTED_MAX_CHARS = 200;

function shown(source: string): string {
  return source.length <= QUOTED_MAX_CHARS ? source : `${source.slice(0, QUOTED_MAX_CHARS)}…`;
}
