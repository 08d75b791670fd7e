import { describe, expect, test } from "bun:test";
import { toResources } from "../../src/model/resource-format.ts";
import { parseResources } from "../../src/model/resources-text.ts";
import { decodeJsonValue } from "../../src/wire/json-decode.ts";

const decode = (value: unknown) => decodeJsonValue("Resource", value);

function parsed(text: string, defaultRole?: string) {
  return parseResources(text, { decode, ...(defaultRole !== undefined && { defaultRole }) });
}

function shown(text: string, defaultRole?: string): string {
  const result = parsed(text, defaultRole);
  return result.ok ? result.value.toString() : result.error;
}

describe("parseResources", () => {
  test("the text form", () => {
    expect(shown("cpus:4;mem:1024;ports:[31000-32000, 8080-8080];disk(web):5;set:{a,b}")).toBe(
      "cpus:4; disk(web):5; mem:1024; ports:[8080-8080, 31000-32000]; set:{a, b}",
    );
    expect(shown(" cpus : 0.5 ; cpus : .25 ;\n")).toBe("cpus:0.75");
    expect(shown("")).toBe("{}");
    expect(shown("cpus:1;mem(*):2", "web")).toBe("cpus(web):1; mem:2");
  });

  test("the JSON form, in both reservation formats", () => {
    const cpus = { name: "cpus", type: "SCALAR", scalar: { value: 2 } };
    const list = [cpus, { ...cpus, role: "a" }, { ...cpus, reservations: [{ type: "STATIC", role: "b" }] }];
    expect(shown(JSON.stringify(list))).toBe("cpus:2; cpus(a):2; cpus(b):2");
    expect(shown(JSON.stringify(list), "c")).toBe("cpus(a):2; cpus(b):2; cpus(c):2");
    const result = parsed(JSON.stringify([cpus]));
    expect(result.ok && toResources(result.value)).toEqual([{ ...cpus, type: "SCALAR" }]);
  });

  test.each([
    ["cpus", "'cpus' is not name:value"],
    ["cpus:", "is not name:value"],
    ["cpus:four", "the value 'four' of 'cpus' is no number, [ranges] or {set}"],
    ["cpus(web:4", "is not name:value"],
    ["cpus:-1", "-1 is below 0"],
    ["ports:[1-", "ranges need brackets"],
    ["ports:[5-1]", "begins after its end"],
    ["ports:[a-b]", "'a-b' is no range"],
    ["gpus:0.5", "whole number"],
    ["cpus:1;cpus:[1-2]", "given as SCALAR and as RANGES"],
    ["cpus( a b ):1", "white space"],
    ["[{]", "no valid JSON array"],
    ["[{}]", "Missing required fields: name, type"],
    ["[7]", "Expecting a JSON object"],
  ])("%s is refused", (text, reason) => {
    expect(shown(text)).toStartWith(`Cannot read resources '${text}': `);
    expect(shown(text)).toContain(reason);
  });
});
