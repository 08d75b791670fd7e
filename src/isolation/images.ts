/** Images as the runtime and their store (src/io/image-store.ts) talk of them; the port is in runtime.ts. */
import type { RootSource } from "./container.ts";

/** What an image says of how it wants to be run (the `config` of a docker or OCI image's configuration). */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly workingDir?: string;
}

/** The files for one container, ready to be mounted. */
export interface ProvidedImage {
  readonly config: ImageConfig;
  readonly source: RootSource;
  /** Absolute path of the directory that becomes the root. */
  readonly directory: string;
}

/** What overlayfs reads in the upper one of two layers (Documentation/filesystems/overlayfs.rst). */
export interface OverlayMarks {
  /** Makes the mark that hides a name of the layers below. Throws. */
  remove(path: string): void;
  /** Marks a directory that hides all that is in it below. Throws. */
  opaque(path: string): void;
}
