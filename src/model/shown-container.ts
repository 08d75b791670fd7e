import type { ContainerInfo, Image, Volume } from "./v1/containers.ts";
import type { Secret } from "./v1/tasks.ts";

/**
 * A container as others than its agent may see it: secrets that it gives by
 * value are empty. Mesos shows them to everybody who may see the task.
 */
export function shownContainer(container: ContainerInfo): ContainerInfo {
  const { mesos, volumes } = container;
  const image = mesos?.image && shownImage(mesos.image);
  const shown = volumes?.map(shownVolume);
  const same = image === mesos?.image && (shown ?? []).every((each, at) => each === volumes?.[at]);
  if (same) return container;
  return {
    ...container,
    ...(shown === undefined ? {} : { volumes: shown }),
    ...(image === undefined ? {} : { mesos: { ...mesos, image } }),
  };
}

function shownVolume(volume: Volume): Volume {
  const { image, source } = volume;
  const shown = image && shownImage(image);
  if (shown !== undefined && shown !== image) return { ...volume, image: shown };
  if (source?.secret?.value === undefined) return volume;
  return { ...volume, source: { ...source, secret: emptied(source.secret) } };
}

/** The password of its registry. */
function shownImage(image: Image): Image {
  const { docker } = image;
  if (docker?.config?.value === undefined) return image;
  return { ...image, docker: { ...docker, config: emptied(docker.config) } };
}

function emptied(secret: Secret): Secret {
  return { ...secret, value: { data: new Uint8Array() } };
}
