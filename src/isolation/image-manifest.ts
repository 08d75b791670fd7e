/**
 * Documents of images as registries and archives hold them: manifests
 * (docker's schema 2 and OCI's, which differ in media types alone), indexes of
 * manifests for several platforms, and configurations. What comes from outside
 * is checked here once.
 *
 * Sources: distribution's docs/spec/manifest-v2-2.md; OCI image-spec
 * manifest.md, image-index.md, config.md.
 */
import { IMAGE_LAYERS_MAX } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { ImageConfig } from "./images.ts";

/** Names bytes by their content. */
export interface Descriptor {
  /** `sha256:<hex>`. */
  readonly digest: string;
  readonly sizeBytes: number;
}

export type Manifest =
  | { readonly kind: "image"; readonly config: Descriptor; readonly layers: readonly Descriptor[] }
  /** One image for each of several platforms. */
  | {
      readonly kind: "index";
      readonly manifests: readonly (Descriptor & { readonly platform: Platform | undefined })[];
    };

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** A configuration as far as it matters here. */
export interface ImageDocument {
  readonly config: ImageConfig;
  /** Digests of the layers as they are unpacked, the lowest first. */
  readonly diffIds: readonly string[];
  readonly platform: Platform | undefined;
}

/** What to ask registries for. */
export const MANIFEST_TYPES: readonly string[] = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
];

type Fields = Readonly<Record<string, unknown>>;

export function parseManifest(text: string): Result<Manifest> {
  const read = parseObject(text);
  if (!read.ok) return read;
  const fields = read.value;
  if (fields["schemaVersion"] === 1) {
    return fail(
      "it has schema version 1, which docker gave up in 2017; push the image again with a newer docker",
    );
  }
  if (Array.isArray(fields["manifests"])) return parseIndex(fields["manifests"]);
  const config = descriptor(fields["config"]);
  if (config === undefined) return fail("it names no configuration");
  const layers = Array.isArray(fields["layers"]) ? fields["layers"].map(descriptor) : [];
  if (layers.length === 0) return fail("it names no layers");
  if (layers.length > IMAGE_LAYERS_MAX) {
    return fail(`it has ${layers.length} layers; join some, at most ${IMAGE_LAYERS_MAX} can be mounted`);
  }
  const good = layers.filter((layer) => layer !== undefined);
  if (good.length < layers.length) return fail("a layer has no sha256 digest or no size");
  return ok({ kind: "image", config, layers: good });
}

function parseIndex(list: readonly unknown[]): Result<Manifest> {
  const manifests = list.flatMap((item) => {
    const found = descriptor(item);
    return found === undefined ? [] : [{ ...found, platform: platformOf(asFields(item)["platform"]) }];
  });
  return ok({ kind: "index", manifests });
}

/** Our own platform in an index; the error says which ones there are. */
export function choosePlatform(
  index: Extract<Manifest, { kind: "index" }>,
  wanted: Platform,
): Result<Descriptor> {
  const fits = index.manifests.filter(({ platform }) => platform !== undefined && isLike(platform, wanted));
  const found = fits.find(({ platform }) => platform?.variant === wanted.variant) ?? fits[0];
  if (found !== undefined) return ok(found);
  // An archive of one image need not say for which platform it is.
  const [only, ...others] = index.manifests;
  if (only !== undefined && others.length === 0 && only.platform === undefined) return ok(only);
  const there = index.manifests.flatMap(({ platform }) =>
    platform === undefined ? [] : [platformText(platform)],
  );
  return fail(`it has no image for ${platformText(wanted)}, only for ${there.join(", ") || "none"}`);
}

export function platformText({ os, architecture, variant }: Platform): string {
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** The same machine code; variants are compatible or would not be in one index. */
export function isLike(one: Platform, other: Platform): boolean {
  return one.os === other.os && one.architecture === other.architecture;
}

export function parseImageDocument(text: string): Result<ImageDocument> {
  const read = parseObject(text);
  if (!read.ok) return read;
  const fields = read.value;
  const diffIds = strings(asFields(fields["rootfs"])["diff_ids"]);
  if (diffIds.length === 0 || !diffIds.every(isDigest))
    return fail("it does not name its layers by sha256 digests");
  const config = asFields(fields["config"]);
  const workingDir = config["WorkingDir"];
  return ok({
    config: {
      entrypoint: strings(config["Entrypoint"]),
      cmd: strings(config["Cmd"]),
      env: strings(config["Env"]),
      ...(typeof workingDir === "string" && workingDir !== "" ? { workingDir } : {}),
    },
    diffIds,
    platform: platformOf(fields),
  });
}

export function isDigest(value: unknown): value is string {
  return typeof value === "string" && /^sha256:[0-9a-f]{64}$/.test(value);
}

function platformOf(value: unknown): Platform | undefined {
  const { os, architecture, variant } = asFields(value);
  if (typeof os !== "string" || typeof architecture !== "string") return undefined;
  return { os, architecture, ...(typeof variant === "string" && variant !== "" ? { variant } : {}) };
}

function descriptor(value: unknown): Descriptor | undefined {
  const { digest, size } = asFields(value);
  if (!isDigest(digest) || typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    return undefined;
  return { digest, sizeBytes: size };
}

/** An absent list is an empty one. */
function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

export function parseObject(text: string): Result<Fields> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return ok(value as Fields);
    return fail("it is no JSON object");
  } catch {
    return fail("it is no JSON");
  }
}

function asFields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}
