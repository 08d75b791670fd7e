/**
 * Images from files instead of registries (Mesos --docker_registry=<path>):
 * below one directory `<name>.tar`, `<name>:<tag>.tar`, or a directory of one of
 * these names without the ending. Each is an OCI layout (image-spec
 * image-layout.md) or what `docker save` writes; newer ones are both.
 *
 * An archive is unpacked into a directory of its own for as long as its image
 * is taken from it. No path and no link in there leads to files elsewhere.
 */
import { mkdtempSync, readFileSync, realpathSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { IMAGE_CONFIG_MAX_BYTES, IMAGE_LAYERS_MAX, IMAGE_MANIFEST_MAX_BYTES } from "../base/limits.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { isDigest, parseImageDocument, parseObject } from "../isolation/image-manifest.ts";
import type { ImageReference } from "../isolation/image-reference.ts";
import type { RegistryError } from "./image-registry.ts";
import {
  type DocumentSource,
  digestOfBytes,
  type ImageSource,
  type LayerSource,
  ownPlatform,
  readDocuments,
} from "./image-source.ts";

import { unpack } from "./unpack.ts";

/** @param staging directory for the content of archives */
export async function openArchivedImage(
  directory: string,
  reference: ImageReference,
  staging: string,
  signal: AbortSignal,
): Promise<Result<ImageSource>> {
  const names = namesOf(reference);
  for (const name of names) {
    const found = [`${name}.tar`, name].find((each) => kindOf(join(directory, each)) !== undefined);
    if (found === undefined) continue;
    const path = join(directory, found);
    const image = await open(path, reference, staging, signal);
    return image.ok ? image : fail(`${path}: ${image.error}`);
  }
  return fail(`"${directory}" has no file ${names.map((name) => `"${name}.tar"`).join(" or ")}`);
}

function namesOf({ registry, repository, tag, digest }: ImageReference): string[] {
  const place = registry === undefined ? repository : `${registry}/${repository}`;
  if (digest !== undefined) return [`${place}@${digest}`, place];
  return tag === undefined ? [place, `${place}:latest`] : [`${place}:${tag}`];
}

async function open(
  path: string,
  reference: ImageReference,
  staging: string,
  signal: AbortSignal,
): Promise<Result<ImageSource>> {
  if (kindOf(path) === "directory") return await openDirectory(path, reference);
  const stage = mkdtempSync(`${staging}/archive-`);
  const close = async (): Promise<void> => await rm(stage, { recursive: true, force: true });
  const unpacked = await unpack({ archive: path, directory: stage, foreign: false, signal });
  const image = unpacked.ok ? await openDirectory(stage, reference) : unpacked;
  if (image.ok) return ok({ ...image.value, close });
  await close();
  return image;
}

async function openDirectory(path: string, reference: ImageReference): Promise<Result<ImageSource>> {
  const files = new Files(path);
  return files.has("index.json") ? await openLayout(files, reference) : openSaved(files, reference);
}

async function openLayout(files: Files, reference: ImageReference): Promise<Result<ImageSource>> {
  const first = reference.digest === undefined ? chosenIn(files, reference) : ok(reference.digest);
  if (!first.ok) return first;
  const documents = await readDocuments(layoutSource(files), first.value, ownPlatform());
  if (!documents.ok) return documents;
  const { manifestDigest, document, layers } = documents.value;
  return ok({
    manifestDigest,
    document,
    layers: layers.map(({ digest }, at) =>
      fileLayer(files, document.diffIds[at] ?? "", digest, blobPath(digest)),
    ),
  });
}

/** The manifest of the tag; the only one there is need not name it. */
function chosenIn(files: Files, { tag = "latest" }: ImageReference): Result<string> {
  const index = files.read("index.json", IMAGE_MANIFEST_MAX_BYTES);
  const fields = index.ok ? parseObject(new TextDecoder().decode(index.value)) : index;
  if (!fields.ok) return fail(`index.json: ${fields.error}`);
  const { manifests } = fields.value;
  const entries = (Array.isArray(manifests) ? manifests : []) as readonly Partial<LayoutEntry>[];
  const named = entries.find(({ annotations }) => tagOf(annotations) === tag);
  const found = named ?? (entries.length === 1 ? entries[0] : undefined);
  if (isDigest(found?.digest)) return ok(found.digest);
  const tags = entries.map(({ annotations }) => tagOf(annotations) ?? "none");
  return fail(`its index.json has no image of the tag "${tag}", only ${tags.join(", ") || "none"}`);
}

interface LayoutEntry {
  readonly digest: unknown;
  readonly annotations: Readonly<Record<string, unknown>>;
}

/** The tag, or a whole name with it at the end. */
function tagOf(annotations: LayoutEntry["annotations"] | undefined): string | undefined {
  const name = annotations?.["org.opencontainers.image.ref.name"];
  return typeof name === "string" ? name.slice(name.lastIndexOf(":") + 1) : undefined;
}

function blobPath(digest: string): string {
  return `blobs/sha256/${digest.slice("sha256:".length)}`;
}

function layoutSource(files: Files): DocumentSource {
  const document = async (digest: string, maxBytes: number): Promise<Result<Uint8Array, RegistryError>> => {
    const bytes = files.read(blobPath(digest), maxBytes);
    return bytes.ok ? bytes : fail({ message: `blob ${digest}: ${bytes.error}`, passing: false });
  };
  return { document, manifest: (digest) => document(digest, IMAGE_MANIFEST_MAX_BYTES) };
}

/** `manifest.json` of docker: a list of images with the paths of their configuration and layers. */
function openSaved(files: Files, reference: ImageReference): Result<ImageSource> {
  const bytes = files.read("manifest.json", IMAGE_MANIFEST_MAX_BYTES);
  if (!bytes.ok) return fail("it is no image: it has neither index.json nor manifest.json");
  const list = parseObject(`{"images": ${new TextDecoder().decode(bytes.value)}}`);
  const images = list.ok ? list.value["images"] : undefined;
  const entries = (Array.isArray(images) ? images : []) as readonly SavedEntry[];
  const { repository, tag = "latest" } = reference;
  const wanted = `${repository}:${tag}`;
  const tagged = entries.find(
    ({ RepoTags }) => Array.isArray(RepoTags) && RepoTags.some((one) => endsWith(one, wanted)),
  );
  const entry = tagged ?? (entries.length === 1 ? entries[0] : undefined);
  if (entry === undefined) return fail(`its manifest.json has no image "${wanted}"`);
  const paths = Array.isArray(entry.Layers) ? entry.Layers : [];
  const plain = [entry.Config, ...paths].every((path) => typeof path === "string");
  if (!plain || paths.length > IMAGE_LAYERS_MAX)
    return fail("its manifest.json is not as docker save writes it");
  const config = files.read(String(entry.Config), IMAGE_CONFIG_MAX_BYTES);
  const document = config.ok ? parseImageDocument(new TextDecoder().decode(config.value)) : config;
  if (!document.ok) return fail(`its configuration: ${document.error}`);
  const { diffIds } = document.value;
  if (diffIds.length !== paths.length)
    return fail(`it has ${paths.length} layers and names ${diffIds.length}`);
  return ok({
    manifestDigest: digestOfBytes(bytes.value),
    document: document.value,
    layers: paths.map((path, at) => fileLayer(files, diffIds[at] ?? "", diffIds[at] ?? "", String(path))),
  });
}

interface SavedEntry {
  readonly Config?: unknown;
  readonly RepoTags?: unknown;
  readonly Layers?: unknown;
}

/** Docker writes docker.io/library/alpine:3 and alpine:3. */
function endsWith(name: unknown, wanted: string): boolean {
  return typeof name === "string" && (name === wanted || name.endsWith(`/${wanted}`));
}

/** The digest of its content is checked where it is unpacked. */
function fileLayer(files: Files, diffId: string, digest: string, path: string): LayerSource {
  return {
    diffId,
    digest,
    bring: async () => {
      const found = files.find(path);
      return found === undefined ? fail(`layer ${digest} is not in the archive`) : ok(found);
    },
  };
}

/** Files of a directory. Layers of docker may be links to others; one that leads out is not there. */
class Files {
  readonly #root: string;

  constructor(directory: string) {
    this.#root = realpathSync(directory);
  }

  /** Its real path. */
  find(path: string): string | undefined {
    try {
      const real = realpathSync(join(this.#root, path));
      return real.startsWith(`${this.#root}/`) && kindOf(real) === "file" ? real : undefined;
    } catch {
      return undefined;
    }
  }

  has(path: string): boolean {
    return this.find(path) !== undefined;
  }

  read(path: string, maxBytes: number): Result<Uint8Array> {
    const found = this.find(path);
    if (found === undefined) return fail("it is not there");
    return statSync(found).size > maxBytes
      ? fail(`it is larger than ${maxBytes} bytes`)
      : ok(readFileSync(found));
  }
}

function kindOf(path: string): "file" | "directory" | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() === true) return "file";
  return found?.isDirectory() === true ? "directory" : undefined;
}
