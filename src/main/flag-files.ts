import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { badFlag } from "./flags.ts";

/** Like Mesos, a value of the form `file:///path` stands for what is in the file. */
export function textOrFile(name: string, value: string | undefined): string | undefined {
  if (value?.startsWith("file://") !== true) return value;
  try {
    return readFileSync(fileURLToPath(value), "utf8").trim();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw badFlag(name, value, `the text itself or file:///path of a file that can be read (${reason})`);
  }
}
