/** Rules for CommandInfo and ContainerInfo (Mesos common/validation.cpp). */
import type { ContainerInfo, Volume } from "./v1/containers.ts";
import type { CommandInfo, Environment } from "./v1/tasks.ts";

/** Why a command is refused, or undefined. */
export function checkCommand(command: CommandInfo): string | undefined {
  return command.environment ? checkEnvironment(command.environment) : undefined;
}

function checkEnvironment({ variables = [] }: Environment): string | undefined {
  for (const { name, type = "VALUE", value, secret } of variables) {
    if (type === "VALUE") {
      if (value === undefined) return `Environment variable '${name}' of type 'VALUE' must have a value set`;
      if (secret) return `Environment variable '${name}' of type 'VALUE' must not have a secret set`;
    } else if (type === "SECRET") {
      if (!secret) return `Environment variable '${name}' of type 'SECRET' must have a secret set`;
      if (value !== undefined)
        return `Environment variable '${name}' of type 'SECRET' must not have a value set`;
    } else {
      return `Environment variable '${name}' is of type 'UNKNOWN', which is not allowed`;
    }
  }
  return undefined;
}

/** Why a container is refused, or undefined. */
export function checkContainer(container: ContainerInfo): string | undefined {
  if (container.type === "DOCKER" && !container.docker) {
    return "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo";
  }
  for (const volume of container.volumes ?? []) {
    const reason = checkVolume(volume);
    if (reason !== undefined) return `Invalid volume: ${reason}`;
  }
  return undefined;
}

function checkVolume({ host_path, image, source, container_path }: Volume): string | undefined {
  if (container_path === "") return "'container_path' must not be empty";
  const sources = [host_path, image, source].filter((given) => given !== undefined);
  if (sources.length > 1) return "only one of 'host_path', 'image' and 'source' may be set";
  if (sources.length === 0) return "one of 'host_path', 'image' and 'source' must be set";
  if (!source) return undefined;
  switch (source.type) {
    case "DOCKER_VOLUME":
      return source.docker_volume ? undefined : "'source.docker_volume' is not set for DOCKER_VOLUME volume";
    case "HOST_PATH":
      return source.host_path ? undefined : "'source.host_path' is not set for HOST_PATH volume";
    case "SANDBOX_PATH":
      return source.sandbox_path ? undefined : "'source.sandbox_path' is not set for SANDBOX_PATH volume";
    case "SECRET":
      return source.secret ? undefined : "'source.secret' is not set for SECRET volume";
    case "CSI_VOLUME":
      return source.csi_volume ? undefined : "'source.csi_volume' is not set for CSI_VOLUME volume";
    default:
      return "'source.type' is unknown";
  }
}
