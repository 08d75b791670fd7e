/** What a remote program says, on this command's own outputs. */
import type { ProcessIO } from "../../model/v1/agent.ts";
import { Output } from "./output.ts";

/** Resolves when it has ended, or an output of this command failed: with that failure. */
export async function showOutput(
  messages: AsyncGenerator<ProcessIO>,
): Promise<NodeJS.ErrnoException | undefined> {
  const outputs = { STDOUT: new Output(process.stdout), STDERR: new Output(process.stderr) };
  for await (const { type, data } of messages) {
    if (type !== "DATA" || data?.data === undefined) continue;
    const output = data.type === "STDERR" ? outputs.STDERR : outputs.STDOUT;
    await output.write(data.data);
    if (output.failure !== undefined) return output.failure;
  }
  return undefined;
}
