import { describe, expect, test } from "bun:test";
import { Inputs, type TakeOptions } from "../../src/master/inputs.ts";
import type { NodeInput } from "../../src/master/node.ts";
import type { CallInput } from "../../src/master/types.ts";

const tick: NodeInput = { kind: "tick" };

function message(link: number): NodeInput {
  return { kind: "agent-message", link, message: { kind: "pong", nonce: 1 } };
}

function call(ref: number): CallInput {
  const context = { streamId: "s", principal: undefined };
  return { kind: "call", ref, call: { type: "REVIVE" }, context };
}

function taken(inputs: Inputs, options: Partial<TakeOptions> = {}): string[] {
  const all = { isOver: () => false, clients: true, mustWait: () => false, ...options };
  const names: string[] = [];
  for (let input = inputs.next(0, all); input !== undefined; input = inputs.next(names.length, all)) {
    if (input.kind === "agent-message") names.push(`link ${input.link}`);
    else names.push(input.kind === "call" ? `call ${input.ref}` : input.kind);
  }
  return names;
}

describe("Inputs", () => {
  test("raft goes first; agents and frameworks take turns", () => {
    const inputs = new Inputs();
    for (let i = 1; i <= 6; i++) inputs.push(message(i));
    for (let i = 1; i <= 3; i++) inputs.push(call(i), "f");
    inputs.push(tick);
    expect(inputs.waiting).toBe(10);
    const order = taken(inputs);
    expect(order[0]).toBe("tick");
    expect(order.filter((one) => one.startsWith("link"))).toEqual([1, 2, 3, 4, 5, 6].map((i) => `link ${i}`));
    expect(order.filter((one) => one.startsWith("call"))).toEqual(["call 1", "call 2", "call 3"]);
    expect(order.slice(0, 6)).toContain("call 1");
    expect(inputs.waiting).toBe(0);
  });

  test("one input at least, and no more once the turn is over", () => {
    const inputs = new Inputs();
    for (let i = 1; i <= 3; i++) inputs.push(message(i));
    expect(taken(inputs, { isOver: () => true })).toEqual(["link 1"]);
    expect(inputs.waiting).toBe(2);
  });

  test("without clients only raft's", () => {
    const inputs = new Inputs();
    inputs.push(message(1));
    inputs.push(call(1), "f");
    inputs.push(tick);
    expect(taken(inputs, { clients: false })).toEqual(["tick"]);
    expect(inputs.waiting).toBe(2);
  });
});
