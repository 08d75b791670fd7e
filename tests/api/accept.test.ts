import { expect, test } from "bun:test";
import { accepts } from "../../src/api/accept.ts";

const JSON_TYPE = "application/json";

test("what an Accept header allows", () => {
  const cases: readonly (readonly [header: string | null, allowed: boolean])[] = [
    [null, true],
    ["*/*", true],
    ["application/*", true],
    ["application/json", true],
    ["APPLICATION/JSON; charset=utf-8", true],
    ["text/html, application/json;q=0.1", true],
    // mesos-go sends a type twice.
    ["application/x-protobuf, application/x-protobuf", false],
    ["text/html", false],
    ["", false],
    ["application/json;q=0", false],
    ["application/json;q=0, */*", false],
    ["text/html;q=0, */*", true],
    ["application/json;q=nonsense", false],
  ];
  for (const [header, allowed] of cases)
    expect([header, accepts(header, JSON_TYPE)]).toEqual([header, allowed]);
});
