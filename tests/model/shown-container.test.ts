import { expect, test } from "bun:test";
import { shownContainer } from "../../src/model/shown-container.ts";
import type { ContainerInfo, Volume } from "../../src/model/v1/containers.ts";

const secret = (text: string) => ({ type: "VALUE" as const, value: { data: Buffer.from(text) } });
const docker = (text: string) => ({ type: "DOCKER" as const, docker: { name: "a", config: secret(text) } });
const of = (more: Partial<Volume>): Volume => ({ mode: "RO", container_path: "x", ...more });

test("secrets by value are empty, and nothing else is", () => {
  const container = (text: string): ContainerInfo => ({
    type: "MESOS",
    hostname: "h",
    mesos: { image: docker(text) },
    volumes: [
      of({ host_path: "/srv" }),
      of({ source: { type: "SECRET", secret: secret(text) } }),
      of({ image: docker(text) }),
    ],
  });
  expect(shownContainer(container("word"))).toEqual(container(""));
  expect(container("word").volumes?.[1]?.source?.secret?.value?.data.length).toBe(4);
});

test("one without any is the same", () => {
  const reference = { type: "REFERENCE" as const, reference: { name: "r" } };
  const image = { type: "DOCKER" as const, docker: { name: "a", config: reference } };
  const volumes = [of({ host_path: "/srv" }), of({ source: { type: "SECRET", secret: reference } })];
  for (const each of [{ type: "MESOS" }, { type: "MESOS", mesos: { image }, volumes }] as ContainerInfo[]) {
    expect(shownContainer(each)).toBe(each);
  }
});
