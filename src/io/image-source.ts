/**
 * An image as a registry has it: its documents, checked against their
 * digests, and its layers, which are fetched one by one.
 */
import { IMAGE_CONFIG_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import {
  choosePlatform,
  type Descriptor,
  type ImageDocument,
  isLike,
  type Manifest,
  type Platform,
  parseImageDocument,
  parseManifest,
  platformText,
} from "../isolation/image-manifest.ts";
import { downloadBlob } from "./image-download.ts";
import type { RegistryClient, RegistryError } from "./image-registry.ts";

/** An image that is somewhere else, before its layers are brought. */
export interface ImageSource {
  readonly manifestDigest: string;
  readonly document: ImageDocument;
  /** The lowest first. */
  readonly layers: readonly LayerSource[];
  /** When nothing more is taken from it. */
  close?(): Promise<void>;
}

export interface LayerSource {
  readonly diffId: string;
  /** What the bytes are called where they come from; they are gathered in a file of that name. */
  readonly digest: string;
  /** As it is sent; left out where nothing tells. */
  readonly sizeBytes?: number;
  /** Makes a file with the layer's archive; `path` is where a download gathers its bytes. */
  bring(path: string, signal: AbortSignal): Promise<Result<string>>;
}

/** Where documents come from: bytes by a name or digest. */
export interface DocumentSource {
  manifest(name: string): Promise<Result<Uint8Array, RegistryError>>;
  document(digest: string, maxBytes: number): Promise<Result<Uint8Array, RegistryError>>;
}

export interface ImageDocuments {
  readonly manifestDigest: string;
  readonly document: ImageDocument;
  /** As they are sent. */
  readonly layers: readonly Descriptor[];
}

/** The machine that images must be for, in the words of images. */
export function ownPlatform(): Platform {
  if (process.arch === "x64") return { os: "linux", architecture: "amd64" };
  return { os: "linux", architecture: process.arch, variant: "v8" };
}

export async function openRegistryImage(client: RegistryClient, name: string): Promise<Result<ImageSource>> {
  const documents = await readDocuments(client, name, ownPlatform());
  if (!documents.ok) return documents;
  const { manifestDigest, document, layers } = documents.value;
  return ok({
    manifestDigest,
    document,
    layers: layers.map((layer, at) => ({
      diffId: document.diffIds[at] ?? "",
      digest: layer.digest,
      sizeBytes: layer.sizeBytes,
      bring: async (path, signal) => {
        const done = await downloadBlob(client, layer, path, signal);
        return done.ok ? ok(path) : done;
      },
    })),
  });
}

/** Manifest, through an index if need be, and configuration. */
export async function readDocuments(
  source: DocumentSource,
  name: string,
  platform: Platform,
): Promise<Result<ImageDocuments>> {
  const first = await readManifest(source, name);
  if (!first.ok) return first;
  let { manifest, digest } = first.value;
  if (manifest.kind === "index") {
    const chosen = choosePlatform(manifest, platform);
    if (!chosen.ok) return chosen;
    const second = await readManifest(source, chosen.value.digest);
    if (!second.ok) return second;
    ({ manifest, digest } = second.value);
  }
  if (manifest.kind === "index")
    return fail(`manifest ${digest} is an index inside of an index, which is not understood`);
  const document = await readImageDocument(source, manifest.config, platform);
  if (!document.ok) return document;
  const { diffIds } = document.value;
  if (diffIds.length !== manifest.layers.length) {
    return fail(
      `its manifest names ${manifest.layers.length} layers and its configuration ${diffIds.length}`,
    );
  }
  return ok({ manifestDigest: digest, document: document.value, layers: manifest.layers });
}

async function readManifest(
  source: DocumentSource,
  name: string,
): Promise<Result<{ readonly manifest: Manifest; readonly digest: string }>> {
  const bytes = await source.manifest(name);
  if (!bytes.ok) return fail(bytes.error.message);
  const digest = digestOfBytes(bytes.value);
  if (name.startsWith("sha256:") && name !== digest) {
    return fail(`manifest ${name} is damaged: its bytes have the digest ${digest}`);
  }
  const manifest = parseManifest(new TextDecoder().decode(bytes.value));
  return manifest.ok
    ? ok({ manifest: manifest.value, digest })
    : fail(`its manifest is of no use: ${manifest.error}`);
}

async function readImageDocument(
  source: DocumentSource,
  { digest }: Descriptor,
  platform: Platform,
): Promise<Result<ImageDocument>> {
  const bytes = await source.document(digest, IMAGE_CONFIG_MAX_BYTES);
  if (!bytes.ok) return fail(bytes.error.message);
  const found = digestOfBytes(bytes.value);
  if (found !== digest) return fail(`configuration ${digest} is damaged: its bytes have the digest ${found}`);
  const document = parseImageDocument(new TextDecoder().decode(bytes.value));
  if (!document.ok) return fail(`its configuration is of no use: ${document.error}`);
  const of = document.value.platform;
  if (of !== undefined && !isLike(of, platform)) {
    return fail(`it is for ${platformText(of)}, and this machine is ${platformText(platform)}`);
  }
  return document;
}

export function digestOfBytes(bytes: Uint8Array): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}
