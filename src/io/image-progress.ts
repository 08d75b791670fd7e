/** How far pulls of images are, for those who wait for them and for the log. */
import { statSync } from "node:fs";
import { IMAGE_PROGRESS_FIRST_MS, IMAGE_PROGRESS_MAX_MS } from "../base/limits.ts";
import type { LayerSource } from "./image-source.ts";

const MB = 1_000_000;

export type PulledLayer = Pick<LayerSource, "diffId" | "digest" | "sizeBytes">;

/** What a store knows of layers. */
export interface LayerPlaces {
  hasLayer(diffId: string): boolean;
  partPath(digest: string): string;
}

/** In one line, for people: `12.3 of 40.0 MB, 1 of 3 layers are here`. */
export function progressText(layers: readonly PulledLayer[], places: LayerPlaces): string {
  const ready = layers.filter(({ diffId }) => places.hasLayer(diffId));
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
  const sizes = layers.map(({ sizeBytes = 0 }) => sizeBytes);
  const done = layers.map((layer, at) => {
    const size = sizes[at] ?? 0;
    return ready.includes(layer) ? size : Math.min(sizeOf(places.partPath(layer.digest)), size);
  });
  const count = `${ready.length} of ${layers.length} layers are here`;
  const total = sum(sizes);
  return total === 0 ? count : `${(sum(done) / MB).toFixed(1)} of ${(total / MB).toFixed(1)} MB, ${count}`;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Calls it again and again, ever more seldom, until the returned function is called. */
export function tellingNowAndThen(tell: () => void, firstMs = IMAGE_PROGRESS_FIRST_MS): () => void {
  let waitMs = firstMs;
  const again = (): void => {
    tell();
    waitMs = Math.min(waitMs * 2, IMAGE_PROGRESS_MAX_MS);
    timer = setTimeout(again, waitMs);
  };
  let timer = setTimeout(again, waitMs);
  return () => clearTimeout(timer);
}
