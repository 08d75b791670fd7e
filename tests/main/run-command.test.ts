import { expect, test } from "bun:test";
import { containerOf } from "../../src/main/run-command.ts";

test("a task needs no container of its own unless it asks for something", () => {
  expect(containerOf(undefined, [], [])).toBeUndefined();
});

test("image, volumes and networks of mesh run", () => {
  expect(containerOf("alpine:3", ["/srv/data:/data:ro", "/tmp/out:out"], ["web"])).toEqual({
    type: "MESOS",
    mesos: { image: { type: "DOCKER", docker: { name: "alpine:3" } } },
    volumes: [
      { mode: "RO", container_path: "/data", host_path: "/srv/data" },
      { mode: "RW", container_path: "out", host_path: "/tmp/out" },
    ],
    network_infos: [{ name: "web" }],
  });
});

test("volumes that cannot be read name what is expected", () => {
  for (const wrong of ["data:/data", "/data", "/a:/b:rx", "/a:/b:ro:z", "/a:"]) {
    expect(() => containerOf(undefined, [wrong], [])).toThrow("such as /srv:/data:ro");
  }
});
