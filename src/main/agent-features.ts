/** `--agent-features` of agents (AGT-23): what the agent is to be able to do, in Mesos' form. */
import { AGENT_CAPABILITIES } from "../model/agent-capabilities.ts";
import { textOrFile } from "./flag-files.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

const FLAG = "agent-features";
const EXPECTED = `JSON like {"capabilities": [{"type": "MULTI_ROLE"}, …]}`;

export const AGENT_FEATURES_FLAG: FlagSpec = {
  name: FLAG,
  value: "<json>",
  description:
    "Capabilities that the agent must have: all that it has, as Mesos' SlaveCapabilities; or file:///path",
};

/**
 * As in Mesos each of them is required, so that nothing can be turned off: the flag says whether the agent
 * is what its operator takes it for. Throws MeshError BAD_FLAG.
 */
export function checkAgentFeatures(flags: Flags): void {
  const text = textOrFile(FLAG, flags.optional(FLAG));
  if (text === undefined) return;
  const wanted = typesIn(parse(text));
  if (wanted === undefined) throw badFlag(FLAG, text, EXPECTED);
  const has: readonly string[] = AGENT_CAPABILITIES;
  const foreign = wanted.filter((type) => !has.includes(type));
  if (foreign.length > 0) {
    throw badFlag(FLAG, text, `no ${foreign.join(", ")}, which this agent has not; it has ${has.join(", ")}`);
  }
  const left = has.filter((type) => !wanted.includes(type));
  if (left.length > 0) throw badFlag(FLAG, text, `${left.join(", ")} too, which cannot be turned off`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function typesIn(value: unknown): readonly string[] | undefined {
  const list = member(value, "capabilities");
  if (!Array.isArray(list)) return undefined;
  const types = (list as readonly unknown[]).map((item) => member(item, "type"));
  return types.every((type) => typeof type === "string") ? types : undefined;
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
