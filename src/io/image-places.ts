/** Where the bytes of an image are looked for: mirrors first, then the registry itself. */
import { fail, ok, type Result } from "../base/result.ts";
import { type ImageReference, parseImageReference } from "../isolation/image-reference.ts";
import type { RegistryPlace } from "./image-registry.ts";

export interface RegistrySettings {
  /** Of images that name none: `http(s)://host[:port]`. */
  readonly defaultRegistry: string;
  /** URLs that are asked before a registry, by its host with port. */
  readonly mirrors: ReadonlyMap<string, readonly string[]>;
}

export const DOCKER_HUB = "https://registry-1.docker.io";
const HUB_NAMES = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/** Never empty. */
export function placesOf(reference: ImageReference, settings: RegistrySettings): readonly RegistryPlace[] {
  const origin = originOf(reference, settings);
  const host = new URL(origin).host;
  // Docker Hub's own images have no name before the slash.
  const hub = HUB_NAMES.has(host);
  const repository =
    hub && !reference.repository.includes("/") ? `library/${reference.repository}` : reference.repository;
  const mirrors = settings.mirrors.get(host) ?? (hub ? settings.mirrors.get("docker.io") : undefined) ?? [];
  return [...mirrors, origin].map((url) => ({ url, repository }));
}

function originOf({ registry }: ImageReference, { defaultRegistry }: RegistrySettings): string {
  if (registry === undefined || registry === new URL(defaultRegistry).host) return defaultRegistry;
  if (HUB_NAMES.has(registry)) return DOCKER_HUB;
  // As docker: what never leaves the machine needs no certificate.
  const local =
    /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/.test(registry) || registry.endsWith(":80");
  return `${local ? "http" : "https"}://${registry}`;
}

/** One spelling for an image, whichever way it is written: with its registry. */
export function canonicalName(reference: ImageReference, settings: RegistrySettings): string {
  const place = placesOf(reference, settings).at(-1);
  const { tag, digest } = reference;
  const end = digest === undefined ? `:${tag ?? "latest"}` : `@${digest}`;
  return `${place === undefined ? "" : new URL(place.url).host}/${place?.repository ?? reference.repository}${end}`;
}

/** `http(s)://host[:port]`, a host alone meaning https. */
export function parseRegistryUrl(text: string): Result<string> {
  const url = /^https?:\/\//.test(text) ? text : `https://${text}`;
  const expected = "http(s)://host[:port] without a path";
  if (!URL.canParse(url)) return fail(expected);
  const { origin, pathname, search, username } = new URL(url);
  if (!["/", "/v2/"].includes(pathname) || search !== "" || username !== "") return fail(expected);
  return ok(origin);
}

/** The canonical name of an image that a person names. */
export function canonicalOf(name: string, settings: RegistrySettings): Result<string> {
  const reference = parseImageReference(name);
  return reference.ok ? ok(canonicalName(reference.value, settings)) : reference;
}
