/** Images made in memory: documents and layers by their digests, as registries and archives hold them. */
import { type TarEntry, tarOf } from "./tar-writer.ts";

export interface TestImage {
  /** Every document and layer, by digest. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  readonly manifest: Uint8Array;
  readonly manifestDigest: string;
  readonly configDigest: string;
  /** As they are sent. */
  readonly layerDigests: readonly string[];
  readonly diffIds: readonly string[];
}

export interface ImageRecipe {
  readonly layers: readonly (readonly TarEntry[] | Uint8Array)[];
  /** Entrypoint, Cmd, Env, WorkingDir. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
  readonly compression?: "gzip" | "zstd" | "none";
  readonly mediaType?: string;
}

export const OWN_ARCHITECTURE = process.arch === "x64" ? "amd64" : process.arch;
const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";
const LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip";

export function makeImage({
  layers,
  config = {},
  architecture,
  compression,
  mediaType,
}: ImageRecipe): TestImage {
  const archives = layers.map((layer) => (layer instanceof Uint8Array ? layer : tarOf(layer)));
  const sent = archives.map((archive) => compressed(archive, compression ?? "gzip"));
  const diffIds = archives.map(digestOf);
  const document = json({
    architecture: architecture ?? OWN_ARCHITECTURE,
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: diffIds },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: mediaType ?? MANIFEST_TYPE,
    config: { mediaType: "application/vnd.docker.container.image.v1+json", ...descriptorOf(document) },
    layers: sent.map((bytes) => ({ mediaType: LAYER_TYPE, ...descriptorOf(bytes) })),
  });
  const blobs = new Map([document, ...sent].map((bytes) => [digestOf(bytes), bytes] as const));
  return {
    blobs,
    manifest,
    manifestDigest: digestOf(manifest),
    configDigest: digestOf(document),
    layerDigests: sent.map(digestOf),
    diffIds,
  };
}

/** An index of images by platform. */
export function makeIndex(
  images: readonly (readonly [architecture: string, image: TestImage])[],
): Uint8Array {
  return json({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: images.map(([architecture, { manifest }]) => ({
      mediaType: MANIFEST_TYPE,
      ...descriptorOf(manifest),
      platform: { os: "linux", architecture },
    })),
  });
}

function compressed(bytes: Uint8Array, how: "gzip" | "zstd" | "none"): Uint8Array {
  const own = new Uint8Array(bytes);
  if (how === "gzip") return Bun.gzipSync(own);
  return how === "zstd" ? Bun.zstdCompressSync(own) : own;
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}

function descriptorOf(bytes: Uint8Array): { readonly digest: string; readonly size: number } {
  return { digest: digestOf(bytes), size: bytes.length };
}

export function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
