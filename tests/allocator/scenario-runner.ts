/**
 * Runs the plain-text scenarios of the allocator. A line is a command; lines
 * that begin with `>` are what it answered. `MESH_REWRITE=1` writes the answers anew.
 *
 *     agent NAME RESOURCES [inactive] [attributes=TEXT] [used=FRAMEWORK:ROLE:RESOURCES]
 *     update-agent NAME RESOURCES [attributes=TEXT] | remove-agent, activate-agent, deactivate-agent NAME
 *     framework NAME ROLE[,ROLE] [CAPABILITY…] [inactive] [suppressed=ROLE] [min=AMOUNTS]
 *               [want=NAME~REGEX,…]   text_matches constraints in all its roles, @hostname for the agent's
 *               NAME
 *     want FRAMEWORK ROLE[,ROLE] NAME~REGEX,…  other constraints and nothing else
 *     activate, deactivate, remove-framework NAME | revive, suppress NAME [ROLE…]
 *     decline FRAMEWORK AGENT [MS] [ROLE]      all it holds there
 *     finish FRAMEWORK AGENT RESOURCES [ROLE]  a part of it
 *     quota ROLE [guarantee=AMOUNTS] [limit=AMOUNTS]   AMOUNTS: name:number;…; without any: none
 *     quotas                                   what is consumed
 *     weight ROLE NUMBER | pause | resume | wait MS
 *     allocate | roles | why FRAMEWORK | next
 */
import { Allocator } from "../../src/allocator/allocator.ts";
import {
  type AgentFacts,
  type ConstraintsByRole,
  compileConstraints,
} from "../../src/allocator/offer-constraints.ts";
import { parseMinAllocatable } from "../../src/allocator/quantities.ts";
import { assert, present } from "../../src/base/assert.ts";
import { parseAttributes } from "../../src/model/attributes.ts";
import { describeAmounts } from "../../src/model/quota.ts";
import { Resources } from "../../src/model/resources.ts";
import { at, resourcesOf } from "./resources-of.ts";

function factsOf(hostname: string, attributes = ""): AgentFacts {
  const parsed = parseAttributes(attributes);
  assert(parsed.ok, parsed.ok ? "" : parsed.error);
  return { hostname, attributes: parsed.value };
}

/** One group of text_matches: `rack~a.*,@hostname~x`. */
function constraintsOf(roles: string, wanted = ""): ConstraintsByRole {
  const attribute_constraints = wanted
    .split(",")
    .filter((item) => item !== "")
    .map((item) => {
      const [name = "", regex = ""] = item.split("~");
      const selector =
        name === "@hostname" ? { pseudoattribute_type: "HOSTNAME" as const } : { attribute_name: name };
      return { selector, predicate: { text_matches: { regex } } };
    });
  if (attribute_constraints.length === 0) return new Map();
  const groups = [{ attribute_constraints }];
  const role_constraints = Object.fromEntries(roles.split(",").map((role) => [role, { groups }]));
  const compiled = compileConstraints({ role_constraints }, { maxMemBytes: 4096, maxProgramSize: 100 });
  assert(compiled.ok, compiled.ok ? "" : compiled.error);
  return compiled.value;
}

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
      const facts = factsOf(name, options.get("attributes"));
      const spec = { total: resourcesOf(total), active: state !== "inactive", facts };
      this.#allocator.addAgent(name, spec, used);
      for (const item of used) this.#hold(item.frameworkId, item.role, name, item.resources);
      return undefined;
    },
    "update-agent": ([name = "", total = ""], options) => {
      const attributes = options.get("attributes");
      const facts = attributes === undefined ? {} : { facts: factsOf(name, attributes) };
      this.#allocator.updateAgent(name, { total: resourcesOf(total), ...facts });
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
        constraints: constraintsOf(roles, options.get("want")),
        ...(minAllocatable && {
          minAllocatable: new Map(roles.split(",").map((role) => [role, minAllocatable])),
        }),
      });
      return undefined;
    },
    want: ([name = "", roles = "", wanted]) => {
      this.#allocator.updateFramework(name, {
        roles: roles.split(","),
        suppressedRoles: [],
        capabilities: [],
        constraints: constraintsOf(roles, wanted),
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
    quota: ([role = ""], options) => {
      const amounts = (text = "") => new Map(resourcesOf(text).quantities());
      const quota = { guarantees: amounts(options.get("guarantee")), limits: amounts(options.get("limit")) };
      return this.#call(() => this.#allocator.updateQuotas([[role, quota]]));
    },
    quotas: () =>
      this.#allocator.quotaViews().map(({ role, guarantees, limits, consumed }) => {
        const text = describeAmounts;
        return `${role} consumes ${text(consumed)} of at least ${text(guarantees)}, at most ${text(limits)}`;
      }),
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
    return explanation.roles.map((reasons) => {
      const { role, suppressed, position, agents, filterEndsInMs, before } = reasons;
      const details = [...reasons.failedConstraints, ...reasons.missingCapabilities];
      const counts = Object.entries(agents).filter(([, count]) => count > 0);
      const notes = [
        explanation.active ? "" : "inactive",
        explanation.paused ? "paused" : "",
        suppressed ? "suppressed" : "",
        position === undefined ? "" : `place ${position}`,
        before.length === 0 ? "" : `after ${before.map((b) => `${b.frameworkId} in ${b.role}`).join(" ")}`,
        ...counts.map(([reason, count]) => `${reason} ${count}`),
        ...details.map(([detail, count]) => `${detail}: ${count}`),
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
