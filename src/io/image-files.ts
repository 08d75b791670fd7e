/**
 * The store of images on disk. All changes that must not be seen by halves are
 * renames, and what is kept is decided in one go, without waiting in between.
 *
 *     blobs/<hex>.part          a layer as it is sent, while it is downloaded
 *     staging/<name>            a layer while it is unpacked; content to be deleted
 *     layers/<32 hex>           an unpacked layer; overlayfs reads it as it stands
 *     layers/<32 hex>.json      what it hides of those below; present: it is complete
 *     images/<hex>.json         an image by its name
 *     containers/<id>           the writable layer of a container, and where its root is
 *     containers/<id>/layers    the layers that it uses; `config`: what its image says
 *     containers/<id>+<n>       the same for its volume `n` that is an image; no id has a plus
 *
 * Nobody but root may enter it: images hold programs with setuid bits.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { ImageConfig } from "../isolation/images.ts";
import type { ImagePart } from "../isolation/runtime.ts";
import type { Whiteouts } from "./tar-scan.ts";

export interface StoredImage {
  readonly version: 1;
  /** See canonicalName. */
  readonly name: string;
  readonly manifestDigest: string;
  readonly config: ImageConfig;
  /** diffIds, the lowest first. */
  readonly layers: readonly string[];
}

interface StoredLayer extends Whiteouts {
  readonly version: 1;
  readonly diffId: string;
}

/** Directories of a container's own. */
export interface ContainerFiles {
  readonly upper: string;
  readonly work: string;
  readonly root: string;
}

const FOLDERS = ["blobs", "staging", "layers", "images", "containers"];

export class ImageFiles {
  readonly directory: string;
  readonly #layers = new Map<string, StoredLayer>();
  readonly #images = new Map<string, StoredImage>();
  #names = 0;

  /** Throws what the file system says. */
  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // What an earlier process was at; see `emptyOld`.
    if (existsSync(`${directory}/staging`))
      renameSync(`${directory}/staging`, `${directory}/old-${Date.now()}`);
    for (const folder of FOLDERS) mkdirSync(`${directory}/${folder}`, { recursive: true, mode: 0o700 });
    this.#readLayers();
    this.#readImages();
  }

  /** What is in it goes when the agent starts again. */
  get stagingDirectory(): string {
    return `${this.directory}/staging`;
  }

  get layersDirectory(): string {
    return `${this.directory}/layers`;
  }

  #readLayers(): void {
    const names = new Set(readdirSync(this.layersDirectory));
    for (const name of names) {
      const layer = name.endsWith(".json")
        ? readRecord<StoredLayer>(`${this.layersDirectory}/${name}`)
        : undefined;
      if (layer !== undefined && names.has(layerName(layer.diffId))) this.#layers.set(layer.diffId, layer);
    }
  }

  #readImages(): void {
    for (const name of readdirSync(`${this.directory}/images`)) {
      const image = readRecord<StoredImage>(`${this.directory}/images/${name}`);
      if (image !== undefined) this.#images.set(image.name, image);
    }
  }

  /** With all of its layers. */
  image(name: string): StoredImage | undefined {
    const image = this.#images.get(name);
    return image?.layers.every((layer) => this.#layers.has(layer)) === true ? image : undefined;
  }

  images(): readonly StoredImage[] {
    return [...this.#images.values()];
  }

  hasLayer(diffId: string): boolean {
    return this.#layers.has(diffId);
  }

  whiteouts(diffId: string): Whiteouts {
    return this.#layers.get(diffId) ?? { removed: [], opaque: [] };
  }

  partPath(digest: string): string {
    return `${this.directory}/blobs/${hexOf(digest)}.part`;
  }

  /** A new, empty directory for a layer that is being unpacked. */
  makeStage(): string {
    const path = `${this.directory}/staging/layer-${++this.#names}`;
    mkdirSync(path, { mode: 0o755 });
    return path;
  }

  /** The directory is the layer from here on. */
  addLayer(diffId: string, stage: string, whiteouts: Whiteouts): void {
    const path = `${this.layersDirectory}/${layerName(diffId)}`;
    if (existsSync(path)) this.#trash(path);
    renameSync(stage, path);
    const layer: StoredLayer = { version: 1, diffId, ...whiteouts };
    this.#writeRecord(`${path}.json`, layer);
    this.#layers.set(diffId, layer);
  }

  addImage(image: StoredImage): void {
    this.#writeRecord(this.#imagePath(image.name), image);
    this.#images.set(image.name, image);
  }

  #imagePath(name: string): string {
    return `${this.directory}/images/${new Bun.CryptoHasher("sha256").update(name).digest("hex")}.json`;
  }

  /** From here on the layers stay until `removeContainer`. What is there of the container goes. */
  makeContainer(
    id: string,
    part: ImagePart,
    { layers, config }: Pick<StoredImage, "layers" | "config">,
  ): ContainerFiles {
    const path = this.#containerPath(id, part);
    if (existsSync(path)) this.#trash(path);
    const files = { upper: `${path}/upper`, work: `${path}/work`, root: `${path}/root` };
    mkdirSync(path, { mode: 0o700 });
    writeFileSync(`${path}/layers`, layers.join("\n"));
    writeFileSync(`${path}/config`, JSON.stringify(config));
    // The upper one is the root directory of the container: everybody must get in.
    for (const each of [files.upper, files.work, files.root]) mkdirSync(each, { mode: 0o755 });
    return files;
  }

  uppersOf(id: string): readonly string[] {
    return this.#pathsOf(id).map((path) => `${path}/upper`);
  }

  /** Of its root and its volumes, as far as they are there. */
  #pathsOf(id: string): readonly string[] {
    const root = this.#containerPath(id);
    const paths = existsSync(root) ? [root] : [];
    for (let volume = 0; existsSync(this.#containerPath(id, volume)); volume++) {
      paths.push(this.#containerPath(id, volume));
    }
    return paths;
  }

  configOf(id: string): ImageConfig | undefined {
    try {
      return JSON.parse(readFileSync(`${this.#containerPath(id)}/config`, "utf8")) as ImageConfig;
    } catch {
      return undefined;
    }
  }

  async removeContainer(id: string): Promise<void> {
    // The last first: they are found by being numbered without a gap.
    for (const path of this.#pathsOf(id).toReversed()) this.#trash(path);
    await this.emptyTrash();
  }

  containers(): readonly string[] {
    return [...new Set(this.#containerNames().map((name) => decodeURIComponent(name.replace(/\+\d+$/, ""))))];
  }

  #containerNames(): readonly string[] {
    return readdirSync(`${this.directory}/containers`);
  }

  /** Encoded: a plus begins the number of a volume, and a colon or comma would end an option of the mount. */
  #containerPath(id: string, part: ImagePart = "root"): string {
    return `${this.directory}/containers/${encodeURIComponent(id)}${part === "root" ? "" : `+${part}`}`;
  }

  /**
   * Drops every layer that is used neither by a container nor by a kept image, and the images
   * that have such layers; the names of these images. The files go with `emptyTrash`.
   */
  prune(keep: (image: StoredImage) => boolean, busy: (digest: string) => boolean): readonly string[] {
    const used = new Set<string>();
    for (const image of this.#images.values())
      if (keep(image)) for (const layer of image.layers) used.add(layer);
    for (const name of this.#containerNames()) for (const layer of this.#layersOf(name)) used.add(layer);
    const dropped: string[] = [];
    for (const image of this.#images.values()) {
      if (image.layers.every((layer) => used.has(layer))) continue;
      rmSync(this.#imagePath(image.name), { force: true });
      this.#images.delete(image.name);
      dropped.push(image.name);
    }
    const names = new Set([...used].map(layerName));
    for (const name of readdirSync(this.layersDirectory)) {
      if (names.has(name.replace(/\.json$/, ""))) continue;
      const path = `${this.layersDirectory}/${name}`;
      if (name.endsWith(".json")) rmSync(path, { force: true });
      else this.#trash(path);
    }
    for (const diffId of this.#layers.keys()) if (!used.has(diffId)) this.#layers.delete(diffId);
    for (const name of readdirSync(`${this.directory}/blobs`)) {
      if (!busy(`sha256:${name.replace(".part", "")}`))
        rmSync(`${this.directory}/blobs/${name}`, { force: true });
    }
    return dropped;
  }

  #layersOf(name: string): readonly string[] {
    try {
      return readFileSync(`${this.directory}/containers/${name}/layers`, "utf8").split("\n");
    } catch (error) {
      // Else the layers of a container that runs would go.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // The agent died between the two steps of makeContainer: nothing was mounted.
      return [];
    }
  }

  /** Out of the way at once; its content goes with `emptyTrash`. */
  #trash(path: string): void {
    renameSync(path, `${this.directory}/staging/trash-${++this.#names}`);
  }

  async emptyTrash(): Promise<void> {
    const folder = `${this.directory}/staging`;
    for (const name of readdirSync(folder)) {
      if (name.startsWith("trash-")) await rm(`${folder}/${name}`, { recursive: true, force: true });
    }
  }

  /** What earlier processes did not come to delete. */
  async emptyOld(): Promise<void> {
    for (const name of readdirSync(this.directory)) {
      if (name.startsWith("old-")) await rm(`${this.directory}/${name}`, { recursive: true, force: true });
    }
  }

  #writeRecord(path: string, record: StoredLayer | StoredImage): void {
    const temporary = `${this.directory}/staging/record-${++this.#names}`;
    writeFileSync(temporary, JSON.stringify(record), { flush: true });
    renameSync(temporary, path);
  }
}

/** Half of the digest: the names of all layers must fit the options of a mount. */
export function layerName(diffId: string): string {
  return hexOf(diffId).slice(0, 32);
}

function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}

/** One that cannot be read counts as not there: it is fetched again. */
function readRecord<T extends { readonly version: 1 }>(path: string): T | undefined {
  try {
    const record = JSON.parse(readFileSync(path, "utf8")) as T;
    return record.version === 1 ? record : undefined;
  } catch {
    return undefined;
  }
}
