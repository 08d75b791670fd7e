/**
 * Descriptors and memory, which the agent's process or the machine runs out of for a while. What could not
 * be looked at then is not gone: a task would be told to have ended that runs.
 */
const CODES: ReadonlySet<unknown> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);
/** Between two looks. */
const RETRY_MS = 250;

function isExhaustion(error: unknown): boolean {
  return CODES.has((error as { readonly code?: unknown } | undefined)?.code);
}

/** What the error of a look at a file means: it is not there, or it throws the error on. */
export function notThere(error: unknown): undefined {
  if (isExhaustion(error)) throw error;
  return undefined;
}

/** Undefined when there is too little of something to look. */
export function lookIfPossible<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (!isExhaustion(error)) throw error;
    return undefined;
  }
}

/** Looks again until there is enough. */
export async function patiently<T>(look: () => T | Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (!isExhaustion(error)) throw error;
    }
    await Bun.sleep(RETRY_MS);
  }
}
