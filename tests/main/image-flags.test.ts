import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Flags } from "../../src/main/flags.ts";
import { IMAGE_FLAGS, type ImageSettings, readImageSettings } from "../../src/main/image-flags.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "mesh-image-flags-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function read(given: Readonly<Record<string, string>>): ImageSettings | undefined {
  const words = new Map(Object.entries(given).map(([name, value]) => [name, [value]]));
  return readImageSettings(new Flags(IMAGE_FLAGS, words, {}));
}

describe("flags about images", () => {
  test("without any: Docker Hub, what the machine has, no pruning", () => {
    expect(read({})).toEqual({
      registries: { defaultRegistry: "https://registry-1.docker.io", mirrors: new Map() },
      credentials: new Map(),
      ignoreRuntime: false,
      backend: "auto",
      sandboxDirectory: "/mnt/mesos/sandbox",
    });
    expect(read({ "image-providers": "none" })).toBeUndefined();
  });

  test("registry, mirrors, passwords in a file, and what else there is", () => {
    const auths = {
      "https://index.docker.io/v1/": { auth: btoa("me:word") },
      "r.example:5000": { auth: btoa("a:b:c") },
    };
    const config = join(directory, "config.json");
    writeFileSync(config, JSON.stringify({ auths, credsStore: "desktop" }));
    writeFileSync(join(directory, "ca.pem"), "certificates\n");
    const settings = read({
      "docker-registry": "registry.example:5000",
      "docker-registry-mirrors": "docker.io=https://m1:5000,docker.io=http://m2,quay.io=m3",
      "docker-config": config,
      "docker-registry-ca": join(directory, "ca.pem"),
      "docker-ignore-runtime": "true",
      "image-provisioner-backend": "copy",
      "image-gc-config":
        '{"image_disk_headroom": 0.2, "image_disk_watch_interval": {"nanoseconds": 5000000000}, "excluded_images": [{"type": "DOCKER", "docker": {"name": "alpine"}}]}',
      "sandbox-directory": "/sandbox",
    });
    expect(settings?.registries).toEqual({
      defaultRegistry: "https://registry.example:5000",
      mirrors: new Map([
        ["docker.io", ["https://m1:5000", "http://m2"]],
        ["quay.io", ["https://m3"]],
      ]),
    });
    expect(settings?.credentials.get("registry-1.docker.io")).toEqual({ user: "me", password: "word" });
    expect(settings?.credentials.get("r.example:5000")).toEqual({ user: "a", password: "b:c" });
    expect(settings?.gc).toEqual({ headroom: 0.2, watchIntervalMs: 5_000, excluded: ["alpine"] });
    expect(settings).toMatchObject({
      ca: "certificates",
      ignoreRuntime: true,
      backend: "copy",
      sandboxDirectory: "/sandbox",
    });
  });

  test("a directory of archives instead of registries", () => {
    expect(read({ "docker-registry": "/var/lib/images/" })).toMatchObject({ archives: "/var/lib/images" });
  });

  test.each([
    ["image-providers", "appc", "docker or none"],
    ["docker-registry", "https://r.example/path", "without a path"],
    ["docker-registry-mirrors", "https://m1", "host=url"],
    ["docker-config", "{", "docker config.json"],
    ["docker-registry-ca", "/nowhere/ca.pem", "can be read"],
    ["image-provisioner-backend", "aufs", "auto, overlay, copy"],
    ["image-gc-config", '{"image_disk_headroom": 2}', "JSON like"],
    ["image-gc-config", '{"excluded_images": [{"type": "APPC"}]}', "JSON like"],
    ["sandbox-directory", "relative", "an absolute path"],
    ["sandbox-directory", "/proc/x", "an absolute path"],
    ["sandbox-directory", "/a/../b", "an absolute path"],
  ])("--%s %s is refused", (name, value, reason) => {
    expect(() => read({ [name]: value })).toThrow(reason);
  });
});
