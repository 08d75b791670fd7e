import { spyOn } from "bun:test";

/** What a command of this process says on standard output, without its last line end. */
export async function printed(run: () => Promise<unknown>): Promise<string> {
  const spy = spyOn(process.stdout, "write").mockImplementation((_chunk, ...more) => {
    const done = more.find((one) => typeof one === "function");
    (done as (() => void) | undefined)?.();
    return true;
  });
  try {
    await run();
    return spy.mock.calls
      .map(([chunk]) => String(chunk))
      .join("")
      .trimEnd();
  } finally {
    spy.mockRestore();
  }
}
