/**
 * Runs the plain-text scenarios of the allocator. A line is a command; lines
 * that begin with `>` are what it answered. `MESH_REWRITE=1` writes the answers anew.
 *
 *     agent NAME RESOURCES [inactive] [used=FRAMEWORK:ROLE:RESOURCES]
 *     update-agent NAME RESOURCES | remove-agent, activate-agent, deactivate-agent NAME
 *     framework NAME ROLE[,ROLE] [CAPABILITY…] [inactive] [suppressed=ROLE] [min=AMOUNTS]
 *     activate, deactivate, remove-framework NAME | revive, suppress NAME [ROLE…]
 *     decline FRAMEWORK AGENT [MS] [ROLE]      all it holds there
 *     finish FRAMEWORK AGENT RESOURCES [ROLE]  a part of it
 *     weight ROLE NUMBER | pause | resume | wait MS
 *     allocate | roles | why FRAMEWORK | next
 */
import { Allocator } from "../../src/allocator/allocator.ts";
import { parseMinAllocatable } from "../../src/allocator/quantities.ts";
import { present } from "../../src/base/assert.ts";
import { Resources } from "../../src/model/resources.ts";
import { at, resourcesOf } from "./resources-of.ts";

type Command = (args: readonly string[], options: ReadonlyMap<string, string>) => string[] | undefined;

/** The scenario with the answers it gives now. */
export function runScenario(text: string): string {
  const world = new ScenarioWorld();
  const out: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith(">")) continue;
    out.push(line);
    if (line.trim() === "" || line.startsWith("#")) continue;
    out.push(...world.run(line).map((answer) => `> ${answer}`));
  }
  return out.join("\n");
}

class ScenarioWorld {
  readonly #allocator = new Allocator({ seed: 1 });
  /** By framework, role and agent. */
  readonly #held = new Map<string, Resources>();
  #nowMs = 0;

  run(line: string): string[] {
    const words = line.trim().split(/\s+/);
    const name = present(words.shift(), "A line has a command");
    const options = new Map<string, string>();
    const args = words.filter((word) => {
      const option = /^(\w+)=(.*)$/.exec(word);
      if (option !== null) options.set(option[1] as string, option[2] as string);
      return option === null;
    });
    const command = present(this.#commands[name], `Unknown command '${name}'`);
    const answer = command(args, options) ?? [];
    this.#allocator.assertConsistent();
    return answer;
  }

  readonly #commands: Record<string, Command> = {
    agent: ([name = "", total = "", state], options) => {
      const [frameworkId = "", role = "", ...rest] = options.get("used")?.split(":") ?? [];
      const usedText = rest.join(":");
      const used = usedText === "" ? [] : [{ frameworkId, role, resources: resourcesOf(usedText) }];
      this.#allocator.addAgent(name, { total: resourcesOf(total), active: state !== "inactive" }, used);
      for (const item of used) this.#hold(item.frameworkId, item.role, name, item.resources);
      return undefined;
    },
    "update-agent": ([name = "", total = ""]) => {
      this.#allocator.updateAgent(name, { total: resourcesOf(total) });
      return undefined;
    },
    "remove-agent": ([name = ""]) => this.#call(() => this.#allocator.removeAgent(name)),
    "activate-agent": ([name = ""]) => this.#call(() => this.#allocator.activateAgent(name)),
    "deactivate-agent": ([name = ""]) => this.#call(() => this.#allocator.deactivateAgent(name)),
    framework: ([name = "", roles = "", ...words], options) => {
      const minimum = parseMinAllocatable(options.get("min") ?? "");
      const minAllocatable = options.has("min") && minimum.ok ? minimum.value : undefined;
      this.#allocator.addFramework(name, {
        roles: roles.split(","),
        suppressedRoles: options.get("suppressed")?.split(",") ?? [],
        capabilities: words,
        active: !words.includes("inactive"),
        ...(minAllocatable && {
          minAllocatable: new Map(roles.split(",").map((role) => [role, minAllocatable])),
        }),
      });
      return undefined;
    },
    activate: ([name = ""]) => this.#call(() => this.#allocator.activateFramework(name)),
    deactivate: ([name = ""]) => this.#call(() => this.#allocator.deactivateFramework(name)),
    "remove-framework": ([name = ""]) => this.#call(() => this.#allocator.removeFramework(name)),
    revive: ([name = "", ...roles]) => this.#call(() => this.#allocator.revive(name, roles)),
    suppress: ([name = "", ...roles]) => this.#call(() => this.#allocator.suppress(name, roles)),
    decline: ([framework = "", agent = "", ms = "0", role = "*"]) => {
      const resources = present(this.#held.get(`${framework} ${role} ${agent}`), "It holds something there");
      return this.#giveBack(framework, role, agent, resources, Number(ms));
    },
    finish: ([framework = "", agent = "", resources = "", role = "*"]) =>
      this.#giveBack(framework, role, agent, resourcesOf(resources), 0),
    weight: ([role = "", weight]) => this.#call(() => this.#allocator.updateWeight(role, Number(weight))),
    pause: () => this.#call(() => this.#allocator.pause()),
    resume: () => this.#call(() => this.#allocator.resume()),
    wait: ([ms]) => {
      this.#nowMs += Number(ms);
      return [`now ${this.#nowMs}`];
    },
    allocate: () => this.#allocate(),
    next: () => [`${this.#allocator.nextDeadlineMs() ?? "no deadline"}`],
    roles: () =>
      this.#allocator.roles().map(({ role, weight, frameworks, allocated, share }) => {
        const amounts = [...allocated].map(([name, milli]) => `${name}:${milli / 1000}`).join(" ");
        return `${role} weight ${weight} share ${share} [${frameworks.join(" ")}] ${amounts}`.trimEnd();
      }),
    why: ([name = ""]) => this.#why(name),
  };

  #call(change: () => void): undefined {
    change();
  }

  #allocate(): string[] {
    const allocations = this.#allocator.allocate(at(this.#nowMs));
    for (const { frameworkId, role, agentId, resources } of allocations) {
      this.#hold(frameworkId, role, agentId, resources);
    }
    if (allocations.length === 0) return ["nothing"];
    return allocations.map((a) => `${a.agentId} to ${a.frameworkId} in ${a.role}: ${a.resources}`);
  }

  #why(name: string): string[] {
    const explanation = present(this.#allocator.explain(name, at(this.#nowMs)), "A known framework");
    return explanation.roles.map(({ role, suppressed, position, agents, filterEndsInMs }) => {
      const counts = Object.entries(agents).filter(([, count]) => count > 0);
      const notes = [
        explanation.active ? "" : "inactive",
        explanation.paused ? "paused" : "",
        suppressed ? "suppressed" : "",
        position === undefined ? "" : `place ${position}`,
        ...counts.map(([reason, count]) => `${reason} ${count}`),
        filterEndsInMs === undefined ? "" : `filter ends in ${filterEndsInMs} ms`,
      ];
      return `${role}: ${notes.filter((note) => note !== "").join(", ")}`;
    });
  }

  #hold(framework: string, role: string, agent: string, resources: Resources): void {
    const key = `${framework} ${role} ${agent}`;
    this.#held.set(key, (this.#held.get(key) ?? Resources.EMPTY).add(resources));
  }

  #giveBack(
    frameworkId: string,
    role: string,
    agentId: string,
    resources: Resources,
    refuseMs: number,
  ): undefined {
    const key = `${frameworkId} ${role} ${agentId}`;
    this.#held.set(key, present(this.#held.get(key), "It holds something there").subtract(resources));
    this.#allocator.recover({ frameworkId, role, agentId, resources, refuseMs }, at(this.#nowMs));
  }
}
