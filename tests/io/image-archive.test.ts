import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { NO_CREDENTIALS } from "../../src/io/image-credentials.ts";
import { DOCKER_HUB } from "../../src/io/image-places.ts";
import { ImageStore } from "../../src/io/image-store.ts";
import { eventually } from "../e2e/test-cluster.ts";
import { removeDirectory } from "../support/remove-directory.ts";
import { type TarEntry, tarOf } from "../support/tar-writer.ts";
import { json, makeImage, makeIndex, OWN_ARCHITECTURE } from "../support/test-image.ts";

const LOW = [{ name: "low", content: "low" }];
const TOP = [{ name: "top", content: "top" }];
const IMAGE = makeImage({ layers: [LOW, TOP], config: { Cmd: ["/x"] } });
const OTHER = makeImage({ layers: [[{ name: "other" }]], config: { Cmd: ["/other"] } });
const [CONFIG = new Uint8Array()] = [IMAGE.blobs.get(IMAGE.configDigest)];

let directory: string;
let store: ImageStore;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mesh-archives-"));
  store = new ImageStore({
    directory: join(directory, "store"),
    archives: join(directory, "archives"),
    registries: { defaultRegistry: DOCKER_HUB, mirrors: new Map() },
    credentials: NO_CREDENTIALS,
    backend: "copy",
    log: silentLog,
  });
});
afterEach(() => removeDirectory(directory));

let containers = 0;
async function get(name: string): Promise<string> {
  const image = { name, cached: true, ownVariables: [], sandbox: "/s" };
  const found = await store.provide(image, `c${++containers}`, new AbortController().signal);
  // Layers that another one's failure cancels are cleaned up behind the answer.
  await eventually(
    "the end of cleaning up",
    () => readdirSync(join(directory, "store/staging")).length === 0,
  );
  if (!found.ok) return found.error;
  return `${found.value.config.cmd} ${readdirSync(found.value.directory).sort()}`;
}

function put(name: string, content: Uint8Array): void {
  const path = join(directory, "archives", name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** As docker save wrote until version 25; two of the same layers are a link. */
function saved(tags: readonly string[], layers: readonly TarEntry[] = []): Uint8Array {
  return tarOf([
    {
      name: "manifest.json",
      content: json([{ Config: "c.json", RepoTags: tags, Layers: ["a/layer.tar", "b/layer.tar"] }]),
    },
    { name: "c.json", content: CONFIG },
    { name: "a/layer.tar", content: tarOf(LOW) },
    ...(layers.length > 0 ? layers : [{ name: "b/layer.tar", content: tarOf(TOP) }]),
  ]);
}

function layout(index: Uint8Array): [string, Uint8Array][] {
  const blobs = [
    ...IMAGE.blobs,
    ...OTHER.blobs,
    [IMAGE.manifestDigest, IMAGE.manifest],
    [OTHER.manifestDigest, OTHER.manifest],
  ] as const;
  return [
    ["index.json", index],
    ...blobs.map(([digest, bytes]): [string, Uint8Array] => [`blobs/sha256/${digest.slice(7)}`, bytes]),
  ];
}

const named = (name: string, digest: string, size: number): unknown => ({
  digest,
  size,
  annotations: { "org.opencontainers.image.ref.name": name },
});

describe("images from files", () => {
  test("what docker saves, by a name with and without its tag", async () => {
    put("team/app.tar", saved(["team/app:latest"]));
    put("tagged:1.tar", Bun.gzipSync(new Uint8Array(saved(["docker.io/library/tagged:1"]))));
    expect(await get("team/app")).toBe("/x low,top");
    expect(await get("tagged:1")).toBe("/x low,top");
    expect(await get("tagged:2")).toContain('has no file "tagged:2.tar"');
  });

  test("layers of it that are links to others, but to none outside", async () => {
    const twice = makeImage({ layers: [LOW, LOW], config: { Cmd: ["/x"] } });
    const config = twice.blobs.get(twice.configDigest) ?? CONFIG;
    const entries = (link: string): Uint8Array =>
      tarOf([
        {
          name: "manifest.json",
          content: json([{ Config: "c.json", Layers: ["a/layer.tar", "b/layer.tar"] }]),
        },
        { name: "c.json", content: config },
        { name: "a/layer.tar", content: tarOf(LOW) },
        { name: "b/layer.tar", type: "symlink", link },
      ]);
    put("inside.tar", entries("../a/layer.tar"));
    expect(await get("inside")).toBe("/x low");
    writeFileSync(join(directory, "secret"), tarOf(TOP));
    put(
      "outside.tar",
      saved([], [{ name: "b/layer.tar", type: "symlink", link: join(directory, "secret") }]),
    );
    expect(await get("outside")).toContain("is not in the archive");
  });

  test("OCI layouts, as directories and archives, by their tags", async () => {
    const manifests = [
      named("1", IMAGE.manifestDigest, IMAGE.manifest.length),
      named("example/app:2", OTHER.manifestDigest, OTHER.manifest.length),
    ];
    for (const [path, bytes] of layout(json({ schemaVersion: 2, manifests }))) {
      put(`app:1/${path}`, bytes);
      put(`app:3/${path}`, bytes);
    }
    const entries = layout(json({ schemaVersion: 2, manifests })).map(([name, content]) => ({
      name,
      content,
    }));
    put("app:2.tar", tarOf(entries));
    expect(await get("app:1")).toBe("/x low,top");
    expect(await get("app:2")).toBe("/other other");
    expect(await get("app:3")).toContain('no image of the tag "3", only 1, 2');
  });

  test("a layout of several platforms", async () => {
    const index = makeIndex([
      ["riscv64", OTHER],
      [OWN_ARCHITECTURE, IMAGE],
    ]);
    const digest = new Bun.CryptoHasher("sha256").update(index).digest("hex");
    for (const [path, bytes] of layout(
      json({ manifests: [{ digest: `sha256:${digest}`, size: index.length }] }),
    )) {
      put(`many/${path}`, bytes);
    }
    put(`many/blobs/sha256/${digest}`, index);
    expect(await get("many")).toBe("/x low,top");
  });

  test("damaged ones, and files that are no images, are refused", async () => {
    put("bad.tar", saved([], [{ name: "b/layer.tar", content: tarOf([{ name: "another" }]) }]));
    expect(await get("bad")).toContain(`and not ${IMAGE.diffIds[1]}`);
    put("none.tar", tarOf(LOW));
    expect(await get("none")).toContain("neither index.json nor manifest.json");
    mkdirSync(join(directory, "archives/evil"), { recursive: true });
    symlinkSync("/etc/passwd", join(directory, "archives/evil/index.json"));
    expect(await get("evil")).toContain("neither index.json nor manifest.json");
  });
});
