/** The images of a container: that of its root, and those of its volumes. */
import { fail, ok, type Result } from "../../base/result.ts";
import type { ContainerMount, ContainerSpec, ImageMount, ReadyMount } from "../container.ts";
import { withImage } from "../image-command.ts";
import type { ProvidedImage } from "../images.ts";
import type { ImageOptions, Images, LaunchError } from "../runtime.ts";

/** Brings them here; the container as it can be planned. After an error nothing of them is left. */
export async function withImages(
  images: Images,
  spec: ContainerSpec,
  signal: AbortSignal,
  progress: ImageOptions["progress"],
): Promise<Result<ContainerSpec, LaunchError>> {
  const ready = await bring(images, spec, signal, progress === undefined ? {} : { progress });
  if (ready.ok) return ready;
  await images.release(spec.containerId);
  return fail({ step: "image", message: ready.error });
}

async function bring(
  images: Images,
  spec: ContainerSpec,
  signal: AbortSignal,
  options: ImageOptions,
): Promise<Result<ContainerSpec>> {
  let ready = spec;
  if (spec.image !== undefined) {
    const provided = await images.provide(spec.image, spec.containerId, signal, options);
    if (!provided.ok) return provided;
    const joined = withImage(spec, spec.image, provided.value);
    if (!joined.ok) return joined;
    ready = joined.value;
  }
  if (spec.mounts === undefined) return ok(ready);
  const mounts: ContainerMount[] = [];
  let volume = 0;
  for (const mount of spec.mounts) {
    if (mount.kind !== "image") {
      mounts.push(mount);
      continue;
    }
    const part = { ...options, part: volume++ };
    const provided = await images.provide(mount.image, spec.containerId, signal, part);
    if (!provided.ok) return fail(`the volume at "${mount.target}": ${provided.error}`);
    mounts.push(imageMount(mount, provided.value));
  }
  return ok({ ...ready, mounts });
}

function imageMount({ target, readOnly }: ImageMount, { source, directory }: ProvidedImage): ReadyMount {
  return source.kind === "overlay"
    ? { kind: "overlay", source, directory, target, readOnly }
    : { kind: "bind", source: directory, target, readOnly, harmless: true };
}
