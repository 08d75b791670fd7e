/** Flags of `mesh agent` about images; names and defaults are those of Mesos where it has the flag. */
import { resolve } from "node:path";
import { type CredentialTable, NO_CREDENTIALS, parseDockerConfig } from "../io/image-credentials.ts";
import { DOCKER_HUB, parseRegistryUrl, type RegistrySettings } from "../io/image-places.ts";
import { textOrFile } from "./flag-files.ts";
import { badFlag, type FlagSpec, type Flags } from "./flags.ts";

/** As in Mesos (ContainerInfo in images' containers). */
export const DEFAULT_SANDBOX_DIRECTORY = "/mnt/mesos/sandbox";
const BACKENDS = ["auto", "overlay", "copy"] as const;
const DEFAULT_HEADROOM = 0.1;
const DEFAULT_WATCH_INTERVAL_MS = 3_600_000;
const NANOS_PER_MS = 1e6;
const GC_EXAMPLE =
  '{"image_disk_headroom": 0.1, "image_disk_watch_interval": {"nanoseconds": 3600000000000}, "excluded_images": [{"type": "DOCKER", "docker": {"name": "alpine"}}]}';

export const IMAGE_FLAGS: readonly FlagSpec[] = [
  {
    name: "image-providers",
    value: "<docker|none>",
    description: "docker: tasks may have docker and OCI images",
    default: "docker",
  },
  {
    name: "docker-registry",
    value: "<url|dir>",
    description:
      "Where images come from whose names tell no registry: http(s)://host[:port]; or an absolute path: all images come from archives in this directory",
    default: DOCKER_HUB,
  },
  {
    name: "docker-registry-mirrors",
    value: "<host=url,…>",
    description: "Asked before a registry, in this order: docker.io=https://mirror:5000",
  },
  {
    name: "docker-registry-ca",
    value: "<file>",
    description: "Certificates (PEM) that registries' own are checked with, besides the machine's",
  },
  {
    name: "docker-config",
    value: "<json>",
    description: "A docker config.json with the passwords of registries, or file:///path",
  },
  {
    name: "docker-store-dir",
    value: "<dir>",
    description: "Where images are kept; by default `images` in the work directory",
  },
  {
    name: "docker-ignore-runtime",
    description: "The Entrypoint, Cmd, Env and WorkingDir of images do not count",
  },
  {
    name: "image-provisioner-backend",
    value: `<${BACKENDS.join("|")}>`,
    description: "How a root comes from layers; auto: overlay where the machine has it, else copy",
    default: "auto",
  },
  {
    name: "image-gc-config",
    value: "<json>",
    description: `Removes unused images when the disk is full: '${GC_EXAMPLE}', or file:///path`,
  },
  {
    name: "sandbox-directory",
    value: "<path>",
    description: "Where tasks in images see their sandbox",
    default: DEFAULT_SANDBOX_DIRECTORY,
  },
];

export interface ImageGcSettings {
  /** Share of the disk that is to be free. */
  readonly headroom: number;
  readonly watchIntervalMs: number;
  readonly excluded: readonly string[];
}

export interface ImageSettings {
  readonly registries: RegistrySettings;
  readonly credentials: CredentialTable;
  readonly ca?: string;
  /** Absolute path; absent: images come from registries. */
  readonly archives?: string;
  /** Left out: below the work directory. */
  readonly storeDirectory?: string;
  readonly ignoreRuntime: boolean;
  readonly backend: (typeof BACKENDS)[number];
  readonly gc?: ImageGcSettings;
  readonly sandboxDirectory: string;
}

export const DEFAULT_IMAGE_SETTINGS: ImageSettings = {
  registries: { defaultRegistry: DOCKER_HUB, mirrors: new Map() },
  credentials: NO_CREDENTIALS,
  ignoreRuntime: false,
  backend: "auto",
  sandboxDirectory: DEFAULT_SANDBOX_DIRECTORY,
};

/** Undefined: no images. Throws MeshError BAD_FLAG. */
export function readImageSettings(flags: Flags): ImageSettings | undefined {
  const providers = flags.text("image-providers").toLowerCase();
  if (providers === "none") return undefined;
  if (providers !== "docker") throw badFlag("image-providers", providers, "docker or none");
  const store = flags.optional("docker-store-dir");
  const ca = readCa(flags);
  const registry = flags.text("docker-registry");
  const archives = registry.startsWith("/") ? resolve(registry) : undefined;
  const gc = readGc(flags);
  return {
    registries: {
      defaultRegistry: archives === undefined ? readRegistry(flags) : DOCKER_HUB,
      mirrors: readMirrors(flags),
    },
    ...(archives === undefined ? {} : { archives }),
    credentials: readCredentials(flags),
    ...(ca === undefined ? {} : { ca }),
    ...(store === undefined ? {} : { storeDirectory: resolve(store) }),
    ignoreRuntime: flags.switch("docker-ignore-runtime"),
    backend: readBackend(flags),
    ...(gc === undefined ? {} : { gc }),
    sandboxDirectory: readSandboxDirectory(flags),
  };
}

function readRegistry(flags: Flags): string {
  const text = flags.text("docker-registry");
  const url = parseRegistryUrl(text);
  if (!url.ok) throw badFlag("docker-registry", text, `${url.error}, or an absolute path`);
  return url.value;
}

function readMirrors(flags: Flags): RegistrySettings["mirrors"] {
  const mirrors = new Map<string, string[]>();
  const text = flags.optional("docker-registry-mirrors") ?? "";
  for (const pair of text.split(",").filter((each) => each.trim() !== "")) {
    const [host = "", address = ""] = pair.trim().split("=");
    const url = parseRegistryUrl(address);
    if (host === "" || address === "" || !url.ok) {
      throw badFlag(
        "docker-registry-mirrors",
        text,
        "host=url[,host=url…], as docker.io=https://mirror:5000",
      );
    }
    mirrors.set(host, [...(mirrors.get(host) ?? []), url.value]);
  }
  return mirrors;
}

function readCa(flags: Flags): string | undefined {
  const path = flags.optional("docker-registry-ca");
  return path === undefined ? undefined : textOrFile("docker-registry-ca", `file://${resolve(path)}`);
}

function readCredentials(flags: Flags): CredentialTable {
  const given = flags.optional("docker-config");
  // Mesos takes a path alone too.
  const text = textOrFile("docker-config", given?.startsWith("/") === true ? `file://${given}` : given);
  if (text === undefined) return NO_CREDENTIALS;
  const table = parseDockerConfig(text);
  // The text is not quoted: it holds passwords.
  if (!table.ok) throw badFlag("docker-config", "…", `a docker config.json: ${table.error}`);
  return table.value;
}

function readBackend(flags: Flags): ImageSettings["backend"] {
  const text = flags.text("image-provisioner-backend");
  const backend = BACKENDS.find((one) => one === text);
  if (backend === undefined) throw badFlag("image-provisioner-backend", text, BACKENDS.join(", "));
  return backend;
}

function readSandboxDirectory(flags: Flags): string {
  const path = flags.text("sandbox-directory");
  const parts = path.split("/").slice(1);
  const plain = path.startsWith("/") && parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (!plain || ["proc", "sys", "dev"].includes(parts[0] ?? "")) {
    throw badFlag("sandbox-directory", path, `an absolute path such as ${DEFAULT_SANDBOX_DIRECTORY}`);
  }
  return path;
}

/** Mesos ImageGcConfig (include/mesos/slave/containerizer… flags.proto) in JSON. */
function readGc(flags: Flags): ImageGcSettings | undefined {
  const text = textOrFile("image-gc-config", flags.optional("image-gc-config"));
  if (text === undefined) return undefined;
  const bad = badFlag("image-gc-config", text, `JSON like ${GC_EXAMPLE}`);
  let config: GcConfig;
  try {
    config = JSON.parse(text) as GcConfig;
  } catch {
    throw bad;
  }
  const headroom = config.image_disk_headroom ?? DEFAULT_HEADROOM;
  const nanos = config.image_disk_watch_interval?.nanoseconds;
  const watchIntervalMs = nanos === undefined ? DEFAULT_WATCH_INTERVAL_MS : nanos / NANOS_PER_MS;
  const excluded = (config.excluded_images ?? []).map((image) => image.docker?.name);
  const names = excluded.filter((name) => typeof name === "string");
  const inBounds = headroom >= 0 && headroom <= 1 && watchIntervalMs >= 1;
  if (!inBounds || names.length < excluded.length) throw bad;
  return { headroom, watchIntervalMs, excluded: names };
}

interface GcConfig {
  readonly image_disk_headroom?: number;
  readonly image_disk_watch_interval?: { readonly nanoseconds?: number };
  readonly excluded_images?: readonly { readonly docker?: { readonly name?: unknown } }[];
}
