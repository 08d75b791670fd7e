import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Log, silentLog } from "../../src/base/log.ts";
import type { Result } from "../../src/base/result.ts";
import { NO_CREDENTIALS, parseDockerConfig } from "../../src/io/image-credentials.ts";
import { ImageStore, type ImageStoreOptions } from "../../src/io/image-store.ts";
import type { ContainerImage } from "../../src/isolation/container.ts";
import type { ProvidedImage } from "../../src/isolation/images.ts";
import { removeDirectory } from "../support/remove-directory.ts";
import { makeImage, makeIndex, OWN_ARCHITECTURE, type TestImage } from "../support/test-image.ts";
import { type RegistryAuth, type RegistryFaults, TestRegistry } from "../support/test-registry.ts";

const BASE = [
  { name: "bin/tool", content: "tool", mode: 0o755 },
  { name: "etc/keep", content: "kept" },
  { name: "etc/gone", content: "gone" },
  { name: "cache/old", content: "old" },
];
const TOP = [
  { name: "etc/.wh.gone" },
  { name: "cache/.wh..wh..opq" },
  { name: "cache/new", content: "new" },
  { name: "etc/link", type: "symlink", link: "/etc/keep" },
] as const;
const SMALL = makeImage({
  layers: [BASE, TOP],
  config: { Cmd: ["/bin/tool"], Entrypoint: null, Env: ["A=b"], WorkingDir: "/work" },
});

let directory: string;
const registries: TestRegistry[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mesh-images-"));
});
afterEach(async () => {
  for (const registry of registries.splice(0)) await registry.stop();
  removeDirectory(directory);
});

function registry(auth?: RegistryAuth, faults?: RegistryFaults): TestRegistry {
  const made = new TestRegistry(auth, faults);
  registries.push(made);
  made.add("team/app", "1", SMALL);
  return made;
}

function store(from: TestRegistry, options: Partial<ImageStoreOptions> = {}): ImageStore {
  return new ImageStore({
    directory: join(directory, "store"),
    registries: { defaultRegistry: from.url, mirrors: new Map() },
    credentials: NO_CREDENTIALS,
    backend: "copy",
    log: silentLog,
    ...options,
  });
}

const image = (name: string, more: Partial<ContainerImage> = {}): ContainerImage => ({
  name,
  cached: true,
  ownVariables: [],
  sandbox: "/mnt/mesos/sandbox",
  ...more,
});
const never = new AbortController().signal;

async function provided(found: Promise<Result<ProvidedImage>>): Promise<ProvidedImage> {
  const result = await found;
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

async function refusal(found: Promise<Result<ProvidedImage>>): Promise<string> {
  const result = await found;
  return result.ok ? "not refused" : result.error;
}

describe("pulling an image", () => {
  test("gives its configuration, and its layers on top of each other", async () => {
    const images = store(registry());
    const { config, directory: root } = await provided(images.provide(image("team/app:1"), "c1", never));
    expect(config).toEqual({ entrypoint: [], cmd: ["/bin/tool"], env: ["A=b"], workingDir: "/work" });
    expect(readFileSync(`${root}/bin/tool`, "utf8")).toBe("tool");
    expect(lstatSync(`${root}/bin/tool`).mode & 0o777).toBe(0o755);
    expect(readdirSync(`${root}/etc`).sort()).toEqual(["keep", "link"]);
    expect(readdirSync(`${root}/cache`)).toEqual(["new"]);
    expect(readdirSync(join(directory, "store/blobs"))).toEqual([]);
    expect(readdirSync(join(directory, "store/staging"))).toEqual([]);
    await images.release("c1");
    expect(existsSync(root)).toBe(false);
  });

  test.each(["basic", "bearer"] as const)("with %s authentication", async (auth) => {
    const from = registry(auth);
    const plain = store(from);
    expect(await refusal(plain.provide(image("team/app:1"), "c1", never))).toContain("401");
    const known = parseDockerConfig(from.dockerConfig);
    const knowing = store(from, { credentials: known.ok ? known.value : NO_CREDENTIALS });
    await provided(knowing.provide(image("team/app:1"), "c2", never));
    // The image's own word for the registry; pulled anew, as the store has it by now.
    const own = image("team/app:1", { cached: false, dockerConfig: from.dockerConfig });
    await provided(plain.provide(own, "c3", never));
  });

  test("authorization is not shown to where layers are redirected", async () => {
    const from = registry("basic", { redirectBlobs: true });
    const images = store(from);
    await provided(images.provide(image("team/app:1", { dockerConfig: from.dockerConfig }), "c1", never));
    expect(from.shownElsewhere.length).toBe(3);
    expect(new Set(from.shownElsewhere)).toEqual(new Set([null]));
  });

  test("chooses this machine's platform, also by digest, and names those there are", async () => {
    const from = registry();
    const other = makeImage({ layers: [BASE], architecture: "riscv64" });
    from.add("many", "other", other);
    from.add("many", "own", SMALL);
    from.addManifest(
      "many",
      "1",
      makeIndex([
        ["riscv64", other],
        [OWN_ARCHITECTURE, SMALL],
      ]),
    );
    from.addManifest("many", "2", makeIndex([["riscv64", other]]));
    const images = store(from);
    const { config } = await provided(images.provide(image("many:1"), "c1", never));
    expect(config.cmd).toEqual(["/bin/tool"]);
    expect(await refusal(images.provide(image("many:2"), "c2", never))).toContain("only for linux/riscv64");
    expect(await refusal(images.provide(image("many:other"), "c3", never))).toContain(
      "it is for linux/riscv64",
    );
    await provided(images.provide(image(`many@${SMALL.manifestDigest}`), "c4", never));
  });

  test.each(["gzip", "zstd", "none"] as const)(
    "of layers that are compressed with %s",
    async (compression) => {
      const from = registry();
      from.add("packed", "1", makeImage({ layers: [BASE], compression }));
      const { directory: root } = await provided(store(from).provide(image("packed:1"), "c1", never));
      expect(readFileSync(`${root}/etc/keep`, "utf8")).toBe("kept");
    },
  );

  test("says the address and what the registry answered", async () => {
    const from = registry();
    const said = await refusal(store(from).provide(image("team/none:7"), "c1", never));
    expect(said).toBe(
      `Cannot get the image "team/none:7": GET ${from.url}/v2/team/none/manifests/7: 404 Not Found (MANIFEST_UNKNOWN: manifest unknown)`,
    );
  });

  test("refuses a manifest of the first schema and tells what to do", async () => {
    const from = registry();
    from.addManifest("ancient", "1", new TextEncoder().encode('{"schemaVersion": 1, "fsLayers": []}'));
    expect(await refusal(store(from).provide(image("ancient:1"), "c1", never))).toContain(
      "push the image again",
    );
  });

  test("of the registry that its name names, and of a mirror first", async () => {
    const [origin, mirror] = [registry(), registry()];
    const mirrors = new Map([[origin.host, [mirror.url]]]);
    const images = store(origin, { registries: { defaultRegistry: "https://unused.example", mirrors } });
    await provided(images.provide(image(`${origin.host}/team/app:1`), "c1", never));
    expect(origin.requests).toEqual([]);
    origin.add("only", "1", makeImage({ layers: [BASE] }));
    await provided(images.provide(image(`${origin.host}/only:1`), "c2", never));
    expect(mirror.requests.at(-1)).toBe("GET /v2/only/manifests/1");
  });
});

test("a pull that takes long is told of, to who waits for it and in the log", async () => {
  const held = Promise.withResolvers<void>();
  const from = registry("none", { hold: { afterBytes: 1_000_000, until: held.promise } });
  const big = [{ name: "big", content: Buffer.alloc(2_500_000, 7) }];
  from.add("team/big", "1", makeImage({ layers: [big], compression: "none" }));
  const logged: unknown[] = [];
  const lines: string[] = [];
  const half = "1.0 of 2.5 MB, 0 of 1 layers are here";
  // The two are told by clocks of their own.
  const [saidSo, loggedSo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const info: Log["info"] = (message, fields) => {
    logged.push([message, fields?.["far"]]);
    if (fields?.["far"] === half) loggedSo.resolve();
  };
  const progress = (line: string): void => {
    lines.push(line);
    if (line.includes(half)) saidSo.resolve();
  };
  const images = store(from, { progressFirstMs: 5, log: { ...silentLog, info } });
  const pulling = provided(images.provide(image("team/big:1"), "c1", never, { progress }));
  await Promise.all([saidSo.promise, loggedSo.promise]);
  held.resolve();
  await pulling;
  expect(lines).toContain(`Pulling the image "team/big:1": ${half}`);
  const told = lines.length;
  expect(logged).toContainEqual(["Pulling an image", half]);
  // Of one that is here nothing is told.
  await provided(images.provide(image("team/big:1"), "c2", never, { progress }));
  expect(lines).toHaveLength(told);
});

describe("layers", () => {
  test("are fetched once for two who want them at the same time, and shared by images", async () => {
    const from = registry();
    from.add("team/other", "1", makeImage({ layers: [BASE, [{ name: "other", content: "x" }]] }));
    const images = store(from);
    const names = ["team/app:1", "team/app:1", "team/other:1"];
    await Promise.all(names.map((name, at) => provided(images.provide(image(name), `c${at}`, never))));
    expect(SMALL.layerDigests.map((digest) => from.countOf(digest))).toEqual([1, 1]);
    expect(
      readdirSync(join(directory, "store/layers")).filter((name) => !name.endsWith(".json")).length,
    ).toBe(3);
  });

  test("that are damaged are refused, and leave nothing", async () => {
    const [, damaged = ""] = SMALL.layerDigests;
    const from = registry("none", { damaged: new Set([damaged]) });
    const images = store(from);
    const said = await refusal(images.provide(image("team/app:1"), "c1", never));
    expect(said).toContain(`layer ${damaged} is damaged: its bytes have the digest sha256:`);
    expect(images.containers()).toEqual([]);
    from.faults = {};
    await provided(images.provide(image("team/app:1"), "c2", never));
  });

  test("whose download breaks off go on where it did", async () => {
    const from = registry("none", { breakAfterBytes: 10 });
    await provided(store(from).provide(image("team/app:1"), "c1", never));
    const [first] = SMALL.layerDigests;
    expect(from.requests).toContain(`GET /v2/team/app/blobs/${first} bytes=10-`);
  });

  test("begin anew where the registry knows no ranges", async () => {
    const from = registry("none", { breakAfterBytes: 10, noRanges: true });
    await provided(store(from).provide(image("team/app:1"), "c1", never));
  });

  test("of which an earlier process left a part go on after it, and anew when it was wrong", async () => {
    const from = registry();
    const [first = "", second = ""] = SMALL.layerDigests;
    const images = store(from);
    const part = (digest: string): string => join(directory, `store/blobs/${digest.slice(7)}.part`);
    writeFileSync(part(first), (SMALL.blobs.get(first) ?? new Uint8Array()).subarray(0, 20));
    writeFileSync(part(second), "twenty wrong bytes..");
    await provided(images.provide(image("team/app:1"), "c1", never));
    expect(from.requests.filter((line) => line.includes(first))).toEqual([
      `GET /v2/team/app/blobs/${first} bytes=20-`,
    ]);
    expect(from.countOf(second)).toBe(2);
  });

  test("whose content is not what the configuration says are refused", async () => {
    const from = registry();
    const good = makeImage({ layers: [BASE] });
    const bad = makeImage({ layers: [TOP] });
    // The manifest of one with the configuration of the other.
    const swapped = JSON.parse(new TextDecoder().decode(good.manifest)) as { layers: unknown };
    swapped.layers = (JSON.parse(new TextDecoder().decode(bad.manifest)) as { layers: unknown }).layers;
    from.add("good", "1", good);
    from.add("bad", "1", bad);
    from.addManifest("swapped", "1", new TextEncoder().encode(JSON.stringify(swapped)));
    expect(await refusal(store(from).provide(image("swapped:1"), "c1", never))).toContain(
      `its content has the digest ${bad.diffIds[0]}, and not ${good.diffIds[0]}`,
    );
  });

  const outside = () => join(directory, "outside");
  const evil: readonly (readonly [string, () => TestImage])[] = [
    ["a name", () => makeImage({ layers: [[{ name: "../../../outside", content: "x" }]] })],
    [
      "a link and a file behind it",
      () =>
        makeImage({
          layers: [
            [
              { name: "a", type: "symlink", link: directory },
              { name: "a/outside", content: "x" },
            ],
          ],
        }),
    ],
    [
      "a link of several",
      () =>
        makeImage({
          layers: [
            [
              { name: "b", type: "symlink", link: "../../.." },
              { name: "a", type: "symlink", link: "b" },
              { name: "a/outside", content: "x" },
            ],
          ],
        }),
    ],
    [
      "a whiteout behind a link",
      () =>
        makeImage({ layers: [[{ name: "a", type: "symlink", link: directory }, { name: "a/.wh.outside" }]] }),
    ],
    [
      "a file over a link of a lower layer",
      () =>
        makeImage({
          layers: [[{ name: "a", type: "symlink", link: outside() }], [{ name: "a", content: "x" }]],
        }),
    ],
    [
      "a directory over a link of a lower layer",
      () =>
        makeImage({
          layers: [[{ name: "a", type: "symlink", link: directory }], [{ name: "a/outside", content: "x" }]],
        }),
    ],
  ];
  test.each(evil)("do not lead out of the store by %s", async (_what, make) => {
    const from = registry();
    from.add("evil", "1", make());
    await store(from).provide(image("evil:1"), "c1", never);
    expect(existsSync(outside())).toBe(false);
  });
});

describe("the store", () => {
  test("has an image without the registry once it is here, also after a restart", async () => {
    const from = registry();
    await provided(store(from).provide(image("team/app:1"), "c1", never));
    await from.stop();
    await provided(store(from).provide(image("team/app:1"), "c2", never));
    const fresh = store(from).provide(image("team/app:1", { cached: false }), "c3", never);
    expect(await refusal(fresh)).toContain(`GET ${from.url}/v2/team/app/manifests/1: `);
  });

  test("asks again for an image that is not to come from it", async () => {
    const from = registry();
    const images = store(from);
    await provided(images.provide(image("team/app:1"), "c1", never));
    const newer = makeImage({ layers: [BASE], config: { Cmd: ["newer"] } });
    from.add("team/app", "1", newer);
    const old = await provided(images.provide(image("team/app:1"), "c2", never));
    const now = await provided(images.provide(image("team/app:1", { cached: false }), "c3", never));
    expect([old.config.cmd, now.config.cmd]).toEqual([["/bin/tool"], ["newer"]]);
    // The layer was here already.
    expect(from.countOf(newer.layerDigests[0] ?? "")).toBe(1);
  });

  test("drops what no container and no excluded image uses", async () => {
    const from = registry();
    const shared = makeImage({ layers: [BASE, [{ name: "other", content: "x" }]] });
    from.add("team/other", "1", shared);
    const images = store(from);
    await provided(images.provide(image("team/app:1"), "c1", never));
    await provided(images.provide(image("team/other:1"), "c2", never));
    const layers = (): string[] =>
      readdirSync(join(directory, "store/layers")).filter((name) => !name.endsWith(".json"));
    expect(await images.prune([])).toEqual({ ok: true, value: [] });
    // What cannot be told of a container may be that it uses them.
    const used = join(directory, "store/containers/c2/layers");
    renameSync(used, `${used}.away`);
    mkdirSync(used);
    await expect(images.prune([])).rejects.toThrow("EISDIR");
    rmdirSync(used);
    renameSync(`${used}.away`, used);
    expect(layers().length).toBe(3);
    await images.release("c1");
    expect(await images.prune(["team/app:1"])).toEqual({ ok: true, value: [] });
    expect(await images.prune([])).toEqual({ ok: true, value: [`${from.host}/team/app:1`] });
    expect(layers().sort()).toEqual(shared.diffIds.map((id) => id.slice(7, 39)).sort());
    await images.release("c2");
    await images.prune([]);
    expect(layers()).toEqual([]);
    expect(await images.prune(["No Name"])).toMatchObject({ ok: false });
    // What was dropped is fetched anew.
    await provided(images.provide(image("team/app:1"), "c3", never));
  });

  test("gives up a pull that nobody waits for any more", async () => {
    const from = registry();
    const images = store(from);
    const stop = new AbortController();
    const kept = images.provide(image("team/app:1"), "c1", never);
    const given = images.provide(image("team/app:1"), "c2", stop.signal);
    stop.abort();
    expect(await refusal(given)).toContain("cancelled");
    await provided(kept);
    const all = new AbortController();
    const alone = images.provide(image("team/app:1", { cached: false }), "c3", all.signal);
    all.abort();
    expect(await refusal(alone)).toContain("cancelled");
  });

  test("keeps a container of any id apart from another's volumes", async () => {
    const images = store(registry(), { backend: "overlay" });
    await provided(images.provide(image("team/app:1"), "c", never));
    await provided(images.provide(image("team/app:1"), "c", never, { part: 0 }));
    const { source } = await provided(images.provide(image("team/app:1"), "c+0", never));
    await provided(images.provide(image("team/app:1"), "a:b,é", never));
    expect(images.containers().toSorted()).toEqual(["a:b,é", "c", "c+0"]);
    expect(source.kind === "overlay" ? source.upper : "none").not.toMatch(/[:,+]/);
    expect(images.writableLayers("c")).toHaveLength(2);
    for (const id of ["c+0", "a:b,é", "x".repeat(250), "é".repeat(100)]) await images.release(id);
    expect(images.writableLayers("c")).toHaveLength(2);
    expect(images.containers()).toEqual(["c"]);
  });

  test("has files of a container for its root and each volume, which go together", async () => {
    const images = store(registry(), { backend: "overlay" });
    const paths: string[] = [];
    for (const part of ["root", 0, 1] as const) {
      const { source, directory: path } = await provided(
        images.provide(image("team/app:1"), "c1", never, { part }),
      );
      paths.push(path);
      expect(images.writableLayers("c1").at(-1)).toBe(source.kind === "overlay" ? source.upper : "none");
    }
    expect(new Set(paths).size).toBe(3);
    await provided(images.provide(image("team/app:1"), "c2", never, { part: 0 }));
    expect(images.containers().toSorted()).toEqual(["c1", "c2"]);
    expect(images.configOf("c2")).toBeUndefined();
    await images.release("c1");
    expect(images.writableLayers("c1")).toEqual([]);
    expect(await images.prune([])).toEqual({ ok: true, value: [] });
    expect(readdirSync(join(directory, "store/containers"))).toEqual(["c2+0"]);
    await images.release("c2");
    expect(images.containers()).toEqual([]);
    expect(await images.prune([])).toMatchObject({
      ok: true,
      value: [expect.stringContaining("team/app:1")],
    });
  });

  test("takes a container's files anew after a launch that broke off", async () => {
    const images = store(registry());
    const first = await provided(images.provide(image("team/app:1"), "c1", never));
    writeFileSync(`${first.directory}/left`, "");
    const again = await provided(images.provide(image("team/app:1"), "c1", never));
    expect(existsSync(`${again.directory}/left`)).toBe(false);
  });
});
