import { describe, expect, test } from "bun:test";
import { attributesObject, parseAttributes } from "../../src/model/attributes.ts";

describe("parseAttributes", () => {
  test("text, scalars and ranges", () => {
    const result = parseAttributes("rack:a1;zone:3;ports:[1-5];url:http://x/y\nrack:b");
    expect(result).toEqual({
      ok: true,
      value: [
        { name: "rack", type: "TEXT", text: { value: "a1" } },
        { name: "zone", type: "SCALAR", scalar: { value: 3 } },
        { name: "ports", type: "RANGES", ranges: { range: [{ begin: 1, end: 5 }] } },
        { name: "url", type: "TEXT", text: { value: "http://x/y" } },
        { name: "rack", type: "TEXT", text: { value: "b" } },
      ],
    });
    expect(result.ok && attributesObject(result.value)).toEqual({
      rack: "b",
      zone: 3,
      ports: "[1-5]",
      url: "http://x/y",
    });
    expect(parseAttributes("")).toEqual({ ok: true, value: [] });
  });

  test.each([
    ["rack", "there is no ':'"],
    [":a", "the name is empty"],
    ["rack:", "the value is empty"],
    ["rack:{a,b}", "a set cannot be an attribute"],
    ["ports:[5-1]", "[5-1] begins after its end"],
  ])("%s is refused", (text, reason) => {
    const result = parseAttributes(text);
    expect(result.ok ? "" : result.error).toContain(`Cannot read attribute '${text}': ${reason}`);
  });
});
