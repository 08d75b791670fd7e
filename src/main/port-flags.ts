/** Flags of `mesh agent` about ports on which tasks listen; names are those of Mesos. */
import { PORT_MAX } from "../base/host-port.ts";
import type { PortRange } from "../isolation/listening-ports.ts";
import { parseRanges } from "../model/value-ranges.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";
import type { PortSettings } from "./port-watch.ts";

export const PORT_FLAGS: readonly FlagSpec[] = [
  {
    name: "enforce-container-ports",
    description: "End tasks on the machine's network that listen on TCP ports which they do not hold",
  },
  {
    name: "container-ports-watch-interval",
    value: "<duration>",
    description: "Time between looks for it",
    default: "30secs",
  },
  {
    name: "check-agent-port-range-only",
    description: "Look only at ports that the agent offers; alone it writes to the log and ends nobody",
  },
  {
    name: "container-ports-isolated-range",
    value: "<range>",
    description: "Look only at these ports, such as [1024-65535]; alone it writes to the log and ends nobody",
  },
];

/** Throws MeshError BAD_FLAG. */
export function readPortSettings(flags: Flags): PortSettings {
  const enforce = flags.switch("enforce-container-ports");
  const offered = flags.switch("check-agent-port-range-only");
  const text = flags.optional("container-ports-isolated-range");
  if (offered && text !== undefined) {
    throw badFlag("container-ports-isolated-range", text, "not --check-agent-port-range-only beside it");
  }
  const range = offered ? "offered" : text === undefined ? undefined : readRanges(text);
  const wanted = enforce || range !== undefined;
  const intervalMs = flags.duration("container-ports-watch-interval");
  return { intervalMs: wanted ? intervalMs : undefined, enforce, range };
}

function readRanges(text: string): readonly PortRange[] {
  const ranges = parseRanges(text.trim());
  const isRange = ({ begin, end }: PortRange): boolean => begin <= end && end <= PORT_MAX;
  if (ranges.ok && ranges.value.length > 0 && ranges.value.every(isRange)) return ranges.value;
  throw badFlag("container-ports-isolated-range", text, "ranges of ports such as [1024-65535]");
}
