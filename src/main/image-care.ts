/** The images of an agent: whether it can have some, and that unused ones do not fill its disk. */
import { mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { MeshError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { ImageStore } from "../io/image-store.ts";
import { overlayMarks, tryOverlay } from "../isolation/linux/overlay.ts";
import type { ImageGcSettings, ImageSettings } from "./image-flags.ts";

/** What setInterval can count. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Words that execute this program anew; tests run it from its source. */
export function ownProgram(): readonly string[] {
  const compiled = Bun.main.startsWith("/$bunfs/");
  return compiled ? [process.execPath] : [process.execPath, join(import.meta.dir, "../cli.ts")];
}

export interface OpenedImages {
  readonly store: ImageStore;
  /** Where containers see their sandboxes. */
  readonly sandboxDirectory: string;
  readonly gc: ImageGc | undefined;
}

/**
 * The store, unless this machine can have none; the reason is logged. Throws MeshError BAD_FLAG
 * for a backend that is asked for and not there.
 */
export function openImages(settings: ImageSettings, workDir: string, log: Log): OpenedImages | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    log.warn("Images cannot be used", { reason: "they need Linux and an agent that runs as root" });
    return undefined;
  }
  const directory = settings.storeDirectory ?? `${workDir}/images`;
  const backend = chooseBackend(settings, directory);
  if (!backend.ok) throw new MeshError("BAD_FLAG", backend.error);
  if (backend.value.reason !== undefined) {
    log.warn("Roots of images are copied, which takes time and disk", { reason: backend.value.reason });
  }
  const { archives, registries, credentials, ca, ignoreRuntime, sandboxDirectory, gc } = settings;
  const store = new ImageStore({
    directory,
    registries,
    credentials,
    ...(archives === undefined ? {} : { archives }),
    ...(ca === undefined ? {} : { ca }),
    ignoreRuntime,
    backend: backend.value.backend,
    marks: overlayMarks(),
    log,
  });
  return { store, sandboxDirectory, gc: gc && new ImageGc(store, directory, gc, log) };
}

interface Backend {
  readonly backend: "overlay" | "copy";
  /** Why it is not the better one. */
  readonly reason?: string;
}

function chooseBackend({ backend }: ImageSettings, directory: string): Result<Backend> {
  if (backend === "copy") return ok({ backend });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const tried = tryOverlay(directory);
  if (tried.ok) return ok({ backend: "overlay" });
  if (backend === "auto") return ok({ backend: "copy", reason: `overlay at ${directory}: ${tried.error}` });
  return fail(
    `Flag --image-provisioner-backend has the value 'overlay', and overlayfs cannot be mounted at "${directory}": ${tried.error}; choose another --docker-store-dir, or copy`,
  );
}

/** Prunes when the disk is fuller than it should be (Mesos --image_gc_config). */
export class ImageGc {
  readonly #store: Pick<ImageStore, "prune">;
  readonly #directory: string;
  readonly #settings: ImageGcSettings;
  readonly #log: Log;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(store: Pick<ImageStore, "prune">, directory: string, settings: ImageGcSettings, log: Log) {
    this.#store = store;
    this.#directory = directory;
    this.#settings = settings;
    this.#log = log;
  }

  start(): void {
    const intervalMs = Math.min(this.#settings.watchIntervalMs, TIMER_MAX_MS);
    this.#timer = setInterval(() => void this.look(), intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks at the disk once. */
  async look(): Promise<void> {
    const { headroom, excluded } = this.#settings;
    try {
      const { bavail, blocks } = statfsSync(this.#directory);
      if (bavail / Math.max(blocks, 1) >= headroom) return;
      const pruned = await this.#store.prune(excluded);
      if (!pruned.ok) this.#log.error("Cannot remove unused images", { reason: pruned.error });
    } catch (error) {
      this.#log.error("Cannot remove unused images", { reason: String(error) });
    }
  }
}
