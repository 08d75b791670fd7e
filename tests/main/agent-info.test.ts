import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentInfo } from "../../src/main/agent-info.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "mesh-agent-info-"));
  for (const name of ["work", "disk"]) mkdirSync(join(directory, name));
  symlinkSync(directory, join(directory, "around"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const MACHINE = { cpus: 4, memBytes: undefined, diskBytes: undefined, bootId: "b" } as const;

function info(flags: { resources?: string; attributes?: string; defaultRole?: string }) {
  const base = { masters: [], ip: "127.0.0.1", port: 5051, advertise: undefined, hostname: undefined };
  const text = { resources: undefined, attributes: undefined, defaultRole: "*", ...flags };
  return agentInfo({ ...base, ...text }, { ...MACHINE, memBytes: 0 }, join(directory, "work"));
}

function mount(...roots: (string | undefined)[]): { resources: string } {
  const disks = roots.map((root) => {
    const source = { type: "MOUNT", ...(root !== undefined && { mount: { root } }) };
    return { name: "disk", type: "SCALAR", scalar: { value: 64 }, disk: { source } };
  });
  return { resources: JSON.stringify(disks) };
}

test("resources and attributes can be read from files", () => {
  writeFileSync(join(directory, "resources"), "cpus:3;mem:64\n");
  writeFileSync(join(directory, "attributes"), "rack:a1\n");
  const found = info({
    resources: `file://${directory}/resources`,
    attributes: `file://${directory}/attributes`,
  });
  expect(found.resources?.[0]).toMatchObject({ name: "cpus", scalar: { value: 3 } });
  expect(found.attributes).toMatchObject([{ name: "rack", text: { value: "a1" } }]);
  expect(() => info({ resources: `file://${directory}/none` })).toThrow("--resources");
});

test("a role that is none is refused as the default", () => {
  expect(() => info({ defaultRole: "-x" })).toThrow("--default-role");
});

test("a MOUNT disk must be there, once, and not under the agent's feet", () => {
  const disk = join(directory, "disk");
  expect(info(mount(disk)).resources?.some((one) => one.disk?.source?.mount?.root === disk)).toBe(true);
  expect(() => info(mount(disk, `${disk}/`))).toThrow("named twice");
  expect(() => info(mount(join(directory, "gone")))).toThrow("mount the disk first");
  expect(() => info(mount(undefined))).toThrow("absolute path");
  for (const root of ["/", directory, join(directory, "around"), join(directory, "work")]) {
    expect(() => info(mount(root))).toThrow("it holds the work directory");
  }
});
