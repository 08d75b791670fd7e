/** What must hold in the allocator after every call; checked by tests and the simulator. */
import { assert } from "../base/assert.ts";
import { Resources } from "../model/resources.ts";
import type { AgentRecord } from "./agent-record.ts";
import { inFairOrder } from "./fair-order.ts";
import type { Client } from "./role-nodes.ts";
import type { RoleTree } from "./role-tree.ts";
import { compareFair } from "./share.ts";
import { exclusivePart } from "./shared-volumes.ts";

/** Throws AssertionError when held and free do not add up to the total, or the tree counts something else. */
export function assertConsistent(agents: Iterable<AgentRecord>, tree: RoleTree): void {
  const expected = new Map<Client, Map<string, number>>();
  const agentsHeld = new Map<Client, number>();
  for (const agent of agents) {
    const held = exclusivePart(Resources.sum(agent.held.values()));
    const full = agent.overcommitted ? agent.total : agent.free.add(held);
    assert(
      full.equals(agent.total),
      `Agent '${agent.id}': ${agent.free} free + ${held} held is not ${agent.total}`,
    );
    assert(
      agent.total.contains(held) !== agent.overcommitted,
      `Agent '${agent.id}' is wrongly marked overcommitted`,
    );
    for (const [client, resources] of agent.held) {
      assert(!resources.isEmpty(), `'${client.name}' holds nothing on agent '${agent.id}'`);
      // A shared volume counts once for each that holds it.
      expected.set(client, plus(expected.get(client) ?? new Map(), resources.quantities()));
      agentsHeld.set(client, (agentsHeld.get(client) ?? 0) + 1);
    }
  }
  for (const role of tree.roles()) {
    let queueSum = new Map<string, number>();
    for (const client of role.queue?.clients.values() ?? []) {
      assert(client.agentsHeld === (agentsHeld.get(client) ?? 0), `'${client.name}' miscounts its agents`);
      assert(client.subscribed || client.agentsHeld > 0, `'${client.name}' is a left-over`);
      const amounts = expected.get(client) ?? new Map<string, number>();
      assertSame(client.name, tree.quantities(client), amounts);
      queueSum = plus(queueSum, amounts);
    }
    if (role.queue !== undefined) assertSame(role.queue.name, tree.quantities(role.queue), queueSum);
    let sum = queueSum;
    for (const child of role.children.values()) sum = plus(sum, tree.quantities(child));
    assertSame(role.name, tree.quantities(role), sum);
  }
  assertOrdered(tree);
}

function assertOrdered(tree: RoleTree): void {
  const seen = new Set<Client>();
  let before: Client | undefined;
  for (const client of inFairOrder(tree.root)) {
    assert(client.eligible && !seen.has(client), `'${client.name}' is wrongly in the fair order`);
    seen.add(client);
    if (before?.queue === client.queue) {
      assert(compareFair(before, client) < 0, `'${before.name}' is before '${client.name}' out of order`);
    }
    before = client;
  }
  for (const role of tree.roles()) {
    for (const client of role.queue?.clients.values() ?? []) {
      assert(client.eligible === seen.has(client), `'${client.name}' is missing in the fair order`);
    }
  }
}

function plus(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): Map<string, number> {
  const sum = new Map(a);
  for (const [name, milli] of b) sum.set(name, (sum.get(name) ?? 0) + milli);
  return sum;
}

function assertSame(what: string, a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): void {
  const names = new Set([...a.keys(), ...b.keys()]);
  for (const name of names) {
    assert(
      (a.get(name) ?? 0) === (b.get(name) ?? 0),
      `'${what}' counts ${a.get(name)} ${name}, holds ${b.get(name)}`,
    );
  }
}
