/** How large a regular expression's program may become, told from its text before it is compiled. */

/** A Unicode class brings hundreds of ranges that cost time, if no instructions. */
const UNICODE_CLASS_COST = 64;

const REPEAT = /^\{(\d{1,9})(?:(,)(\d{0,9}))?\}/;

/**
 * Instructions of the program, or more: one for each character, times its
 * repetitions, those of its groups included. What is not a valid expression
 * gets some number too; compiling will refuse it.
 */
export function estimateProgram(source: string): number {
  /** Sizes of the groups that are open, outermost first; the last is being added to. */
  const open: number[] = [0];
  /** Size of what a repetition that follows would repeat. */
  let last = 0;
  const add = (size: number): void => {
    last = size;
    open[open.length - 1] = (open.at(-1) ?? 0) + size;
  };
  for (let i = 0; i < source.length; ) {
    const char = source[i];
    if (char === "(") open.push(0);
    else if (char === ")" && open.length > 1) add((open.pop() ?? 0) + 2);
    else if (char === "[") {
      const end = endOfClass(source, i);
      add(1 + UNICODE_CLASS_COST * unicodeClasses(source.slice(i, end)));
      i = end;
      continue;
    } else if (char === "\\") {
      add(/[pP]/.test(source[i + 1] ?? "") ? 1 + UNICODE_CLASS_COST : 1);
      i += 2;
      continue;
    } else {
      const repeat = char === "{" ? REPEAT.exec(source.slice(i, i + 24)) : null;
      if (repeat === null) add(1);
      else {
        const times = Math.max(Number(repeat[1]), Number(repeat[3] || 0), 1);
        open[open.length - 1] = (open.at(-1) ?? 0) + last * (times - 1);
        last *= times;
        i += repeat[0].length;
        continue;
      }
    }
    i++;
  }
  return open.reduce((sum, size) => sum + size, 0);
}

/** Index after the bracket that closes the class at `start`. */
function endOfClass(source: string, start: number): number {
  let i = start + 1;
  if (source[i] === "^") i++;
  // A bracket right at the beginning stands for itself.
  if (source[i] === "]") i++;
  while (i < source.length && source[i] !== "]") {
    if (source[i] === "\\") i += 2;
    else if (source.startsWith("[:", i)) {
      const end = source.indexOf(":]", i + 2);
      i = end < 0 ? i + 1 : end + 2;
    } else i++;
  }
  return i + 1;
}

function unicodeClasses(text: string): number {
  return text.match(/\\[pP]/g)?.length ?? 0;
}
