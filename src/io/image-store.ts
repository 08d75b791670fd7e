/**
 * Door of the images: the store through which containers get their files
 * (isolation/images.ts). It pulls what is not here, once for all who wait for
 * it, layers in parallel, and keeps them until they are pruned.
 *
 *     image-store.ts      this: who gets what, and what is kept
 *     image-files.ts      the directories on disk
 *     image-places.ts     which registries are asked
 *     image-registry.ts   the protocol; image-credentials.ts whom it knows
 *     image-source.ts     manifests and configurations
 *     image-archive.ts    the same from files
 *     image-download.ts   the bytes of a layer; image-layer.ts its files; tar-scan.ts its whiteouts
 *     image-progress.ts   what is said while that takes long
 *     image-copy.ts       a root by copying, where overlayfs cannot be had
 */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { IMAGE_DOWNLOADS_MAX, IMAGE_LAUNCHES_MAX } from "../base/limits.ts";
import type { Log } from "../base/log.ts";
import { fail, ok, type Result } from "../base/result.ts";
import type { WantedImage } from "../isolation/container.ts";
import { type ImageReference, manifestName, parseImageReference } from "../isolation/image-reference.ts";
import type { ImageConfig, OverlayMarks, ProvidedImage } from "../isolation/images.ts";
import type { ImageOptions, ImagePart, Images } from "../isolation/runtime.ts";
import { openArchivedImage } from "./image-archive.ts";
import { copyRoot } from "./image-copy.ts";
import { type CredentialTable, parseDockerConfig } from "./image-credentials.ts";
import { ImageFiles, layerName, type StoredImage } from "./image-files.ts";
import { unpackLayer } from "./image-layer.ts";
import { markLayer } from "./image-marks.ts";
import { canonicalName, canonicalOf, placesOf, type RegistrySettings } from "./image-places.ts";
import { progressText, tellingNowAndThen } from "./image-progress.ts";
import { RegistryClient } from "./image-registry.ts";
import { type ImageSource, type LayerSource, openRegistryImage } from "./image-source.ts";
import { SharedWork } from "./shared-work.ts";

export interface ImageStoreOptions {
  readonly directory: string;
  readonly registries: RegistrySettings;
  readonly credentials: CredentialTable;
  readonly ca?: string;
  /** How the root of a container comes from the layers. */
  readonly backend: "overlay" | "copy";
  /** Absent: layers can only be copied. */
  readonly marks?: OverlayMarks;
  /** Entrypoint, Cmd, Env and WorkingDir of images do not count. */
  readonly ignoreRuntime?: boolean;
  /** Directory of archives, which are looked at instead of registries. */
  readonly archives?: string;
  /** Left out: IMAGE_PROGRESS_FIRST_MS. */
  readonly progressFirstMs?: number;
  readonly log: Log;
}

export class ImageStore implements Images {
  readonly #options: ImageStoreOptions;
  readonly #files: ImageFiles;
  /** Layers of the images that are being pulled, by name. */
  readonly #pulled = new Map<string, readonly LayerSource[]>();
  readonly #pulls = new SharedWork<Result<StoredImage>>(IMAGE_LAUNCHES_MAX);
  readonly #layers = new SharedWork<Result<void>>(IMAGE_DOWNLOADS_MAX);
  /** Layers that pulls under way have found or brought; a prune leaves them. */
  readonly #wanted = new Map<string, number>();

  /** Throws what the file system says. */
  constructor(options: ImageStoreOptions) {
    this.#options = options;
    this.#files = new ImageFiles(options.directory);
    this.#background(this.#files.emptyOld());
  }

  containers(): readonly string[] {
    return this.#files.containers();
  }

  configOf(containerId: string): ImageConfig | undefined {
    return this.#files.configOf(containerId);
  }

  /** Where the container has written beside its sandbox; none for copies, where it cannot be told. */
  writableLayers(containerId: string): readonly string[] {
    return this.#options.backend === "overlay" ? this.#files.uppersOf(containerId) : [];
  }

  async release(containerId: string): Promise<void> {
    await this.#files.removeContainer(containerId);
  }

  async provide(
    image: WantedImage,
    containerId: string,
    signal: AbortSignal,
    { part = "root", progress }: ImageOptions = {},
  ): Promise<Result<ProvidedImage>> {
    const refused = (reason: string): Result<never> =>
      fail(`Cannot get the image "${image.name}": ${reason}`);
    const reference = parseImageReference(image.name);
    if (!reference.ok) return fail(reference.error);
    const name = canonicalName(reference.value, this.#options.registries);
    const quiet = this.#telling((far) => progress?.(`Pulling the image "${image.name}": ${far}`), name);
    try {
      const found = await this.#find(reference.value, image, signal).finally(quiet);
      if (found === undefined) return refused("cancelled");
      if (!found.ok) return refused(found.error);
      // Nothing is awaited between the look at the layers and their being used by this container.
      if (this.#files.image(found.value.name) === undefined)
        return refused("it was removed meanwhile; try again");
      return await this.#makeRoot(found.value, containerId, part);
    } catch (error) {
      await this.release(containerId).catch(() => {});
      return refused(error instanceof Error ? error.message : String(error));
    }
  }

  #telling(tell: (far: string) => void, name: string): () => void {
    return tellingNowAndThen(() => {
      const layers = this.#pulled.get(name);
      tell(layers === undefined ? "asking where it comes from" : progressText(layers, this.#files));
    }, this.#options.progressFirstMs);
  }

  async #find(
    reference: ImageReference,
    image: WantedImage,
    signal: AbortSignal,
  ): Promise<Result<StoredImage> | undefined> {
    const name = canonicalName(reference, this.#options.registries);
    const here = image.cached ? this.#files.image(name) : undefined;
    if (here !== undefined) return ok(here);
    const credentials =
      image.dockerConfig === undefined ? ok(undefined) : parseDockerConfig(image.dockerConfig);
    if (!credentials.ok) return credentials;
    // Those who show different papers wait for different pulls.
    const papers =
      image.dockerConfig === undefined ? "" : createHash("sha256").update(image.dockerConfig).digest("hex");
    return await this.#pulls.join(`${name} ${papers}`, signal, (stop) =>
      this.#pull(
        name,
        reference,
        new Map([...this.#options.credentials, ...(credentials.value ?? [])]),
        stop,
      ),
    );
  }

  /** From the first place that has all of it. */
  async #pull(
    name: string,
    reference: ImageReference,
    credentials: CredentialTable,
    signal: AbortSignal,
  ): Promise<Result<StoredImage>> {
    const { log, archives, registries, ca } = this.#options;
    const reasons: string[] = [];
    const quiet = this.#telling((far) => log.info("Pulling an image", { image: name, far }), name);
    const openings =
      archives === undefined
        ? placesOf(reference, registries).map((place) => () => {
            const options = { credentials, ...(ca === undefined ? {} : { ca }) };
            return openRegistryImage(new RegistryClient(place, options, signal), manifestName(reference));
          })
        : [() => openArchivedImage(archives, reference, this.#files.stagingDirectory, signal)];
    try {
      for (const open of openings) {
        const source = await open();
        const stored = source.ok ? await this.#take(name, source.value, signal) : source;
        if (source.ok) await source.value.close?.();
        if (stored.ok) {
          log.info("Pulled an image", { image: name, digest: stored.value.manifestDigest });
          return stored;
        }
        if (signal.aborted) return fail("cancelled");
        reasons.push(stored.error);
      }
      return fail(reasons.join("; "));
    } finally {
      quiet();
    }
  }

  async #take(name: string, source: ImageSource, signal: AbortSignal): Promise<Result<StoredImage>> {
    const { document, manifestDigest, layers } = source;
    this.#pulled.set(name, layers);
    for (const { diffId } of layers) this.#wanted.set(diffId, (this.#wanted.get(diffId) ?? 0) + 1);
    // One that fails makes the others pointless.
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    try {
      const done = await Promise.all(
        layers.map(async (layer) => {
          const had = await this.#bringLayer(layer, both);
          if (!had.ok) stop.abort();
          return had;
        }),
      );
      const failed =
        done.find((each) => !each.ok && each.error !== CANCELLED) ?? done.find((each) => !each.ok);
      if (failed !== undefined && !failed.ok) return failed;
      const image = {
        version: 1,
        name,
        manifestDigest,
        config: document.config,
        layers: document.diffIds,
      } as const;
      this.#files.addImage(image);
      return ok(image);
    } finally {
      this.#pulled.delete(name);
      for (const { diffId } of layers) {
        const count = (this.#wanted.get(diffId) ?? 1) - 1;
        if (count === 0) this.#wanted.delete(diffId);
        else this.#wanted.set(diffId, count);
      }
    }
  }

  async #bringLayer(layer: LayerSource, signal: AbortSignal): Promise<Result<void>> {
    if (this.#files.hasLayer(layer.diffId)) return ok(undefined);
    const done = await this.#layers.join(layer.diffId, signal, async (stop) => {
      if (this.#files.hasLayer(layer.diffId)) return ok(undefined);
      const path = this.#files.partPath(layer.digest);
      const archive = await layer.bring(path, stop);
      if (!archive.ok) return archive;
      const unpacked = await this.#unpack(layer, archive.value, stop);
      await rm(path, { force: true });
      return unpacked;
    });
    return done ?? fail(CANCELLED);
  }

  async #unpack(
    { diffId, digest }: LayerSource,
    archive: string,
    signal: AbortSignal,
  ): Promise<Result<void>> {
    const stage = this.#files.makeStage();
    try {
      const whiteouts = await unpackLayer(archive, diffId, stage, signal);
      if (!whiteouts.ok) return fail(`layer ${digest}: ${whiteouts.error}`);
      const marked = markLayer(stage, whiteouts.value, this.#options.marks);
      if (!marked.ok) return fail(`layer ${digest}: ${marked.error}`);
      await syncFileSystem(stage);
      this.#files.addLayer(diffId, stage, whiteouts.value);
      return ok(undefined);
    } finally {
      await rm(stage, { recursive: true, force: true });
    }
  }

  async #makeRoot(image: StoredImage, containerId: string, part: ImagePart): Promise<Result<ProvidedImage>> {
    const { backend, ignoreRuntime = false } = this.#options;
    const config = ignoreRuntime ? { entrypoint: [], cmd: [], env: [] } : image.config;
    const files = this.#files.makeContainer(containerId, part, { layers: image.layers, config });
    const { layersDirectory } = this.#files;
    if (backend === "copy") {
      const layers = image.layers.map((diffId) => ({
        path: `${layersDirectory}/${layerName(diffId)}`,
        whiteouts: this.#files.whiteouts(diffId),
      }));
      const copied = await copyRoot(layers, files.root);
      if (!copied.ok) throw new Error(copied.error);
      return ok({ config, source: { kind: "copy" }, directory: files.root });
    }
    const layers = image.layers.map(layerName).reverse();
    const { upper, work } = files;
    return ok({
      config,
      source: { kind: "overlay", layersDirectory, layers: [...new Set(layers)], upper, work },
      directory: files.root,
    });
  }

  /**
   * Removes images, and layers that no container uses; the names of the images. Those named in
   * `excluded` stay. The error names one that is no image name.
   */
  async prune(excluded: readonly string[]): Promise<Result<readonly string[]>> {
    const kept = new Set<string>();
    for (const name of excluded) {
      const canonical = canonicalOf(name, this.#options.registries);
      if (!canonical.ok) return canonical;
      kept.add(canonical.value);
    }
    const dropped = this.#files.prune(
      (image) => kept.has(image.name) || image.layers.some((layer) => this.#wanted.has(layer)),
      () => this.#wanted.size > 0,
    );
    await this.#files.emptyTrash();
    if (dropped.length > 0) this.#options.log.info("Removed images", { images: dropped.join(", ") });
    return ok(dropped);
  }

  #background(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#options.log.warn("Cannot clean the store of images", { reason: String(error) });
    });
  }
}

const CANCELLED = "cancelled";

/** What is named complete must be on disk first: a record outlives a power cut that its layer does not. */
async function syncFileSystem(path: string): Promise<void> {
  const sync = Bun.which("sync", { PATH: "/usr/bin:/bin" });
  if (sync !== null) await Bun.spawn([sync, "-f", path], { stdio: ["ignore", "ignore", "ignore"] }).exited;
}
