/**
 * What a leader decided about a framework or an agent that was away counts no
 * more once that one came back: such a command may not follow its return in
 * the log of the same term.
 */
import type { Command } from "../../src/registry/commands.ts";
import { Violation } from "./violation.ts";

interface Return {
  readonly term: number;
  readonly atMs: number;
}

export class OrderPromises {
  /** Latest return, by framework or agent id. */
  readonly #returns = new Map<string, Return>();

  committed(command: Command, term: number): void {
    switch (command.kind) {
      case "add-framework":
      case "update-framework":
        this.#returns.set(command.frameworkId, { term, atMs: command.atMs });
        return;
      case "add-agent":
      case "reregister-agent":
        this.#returns.set(command.agentId, { term, atMs: command.atMs });
        return;
      case "disconnect-framework":
      case "remove-framework":
        this.#check(command.kind, command.frameworkId, term, command.atMs);
        return;
      case "mark-agent-unreachable":
        this.#check(command.kind, command.agentId, term, command.atMs);
        return;
      default:
        return;
    }
  }

  #check(kind: string, id: string, term: number, atMs: number): void {
    const back = this.#returns.get(id);
    if (back?.term !== term || back.atMs <= atMs) return;
    throw new Violation(`${kind} of ${id}, decided ${Math.round(back.atMs - atMs)} ms before its return`);
  }
}
