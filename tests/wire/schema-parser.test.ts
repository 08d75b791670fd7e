import { describe, expect, test } from "bun:test";
import { parseSchema } from "../../src/wire/schema-parser.ts";

function parse(text: string, packageName = "mesos.v1") {
  return parseSchema([{ file: "f", package: packageName, text }]);
}

describe("parseSchema", () => {
  test("reads labels, defaults, deprecation, oneof members and maps", () => {
    const { messages } = parse(
      'M: 1! a string, 2* b M, 3 c double=5.5 (dep), 4^ d bool=true,\n  5 e map<string,M>, 6 f string="x"',
    );
    expect(messages.get("M")?.fields).toEqual([
      {
        name: "a",
        number: 1,
        label: "required",
        type: { kind: "scalar", name: "string" },
        deprecated: false,
        oneof: false,
      },
      {
        name: "b",
        number: 2,
        label: "repeated",
        type: { kind: "message", name: "M" },
        deprecated: false,
        oneof: false,
      },
      {
        name: "c",
        number: 3,
        label: "optional",
        type: { kind: "scalar", name: "double" },
        default: 5.5,
        deprecated: true,
        oneof: false,
      },
      {
        name: "d",
        number: 4,
        label: "optional",
        type: { kind: "scalar", name: "bool" },
        default: true,
        deprecated: false,
        oneof: true,
      },
      {
        name: "e",
        number: 5,
        label: "map",
        type: { kind: "message", name: "M" },
        deprecated: false,
        oneof: false,
      },
      {
        name: "f",
        number: 6,
        label: "optional",
        type: { kind: "scalar", name: "string" },
        default: "x",
        deprecated: false,
        oneof: false,
      },
    ]);
  });

  test("resolves a name in the innermost scope first", () => {
    const { messages } = parse(
      "A: 1 x B.C\nA.B: (empty)\nA.B.C: (empty)\nB: 1 y C\nB.C: (empty)\nC: (empty)",
    );
    expect(messages.get("A")?.fields[0]?.type.name).toBe("ABC");
    expect(messages.get("B")?.fields[0]?.type.name).toBe("BC");
  });

  test("prefixes the names that packages share", () => {
    const { messages, enums } = parse(
      "Call: 1 t Type\nenum Call.Type: X=1\nOther: (empty)",
      "mesos.v1.resource_provider",
    );
    expect([...messages.keys(), ...enums.keys()]).toEqual([
      "ResourceProviderCall",
      "Other",
      "ResourceProviderCallType",
    ]);
  });

  test.each([
    ["M: 1 a Nothing", /unknown type Nothing/],
    ["M: 1 a string, 1 b string", /number twice/],
    ["M: x a string", /cannot read/],
    ["M: (empty)\nM: (empty)", /two types/],
    ["enum E: A=x", /cannot read/],
    ["nonsense", /cannot read/],
  ])("refuses %s", (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});
