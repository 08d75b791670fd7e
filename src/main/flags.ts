/**
 * Flags of one command after parsing: typed reading with errors that name the
 * flag, the value and what was expected. A flag that is not given is looked
 * for in MESH_<NAME> and then MESOS_<NAME>, as Mesos does with its own.
 */
import { isIP } from "node:net";
import { parseDuration } from "../api/duration.ts";
import { MeshError } from "../base/errors.ts";
import { PORT_MAX } from "../base/host-port.ts";
import { fail, ok, type Result } from "../base/result.ts";

export interface FlagSpec {
  /** kebab-case, without dashes. */
  readonly name: string;
  /** Shown in help; a flag without it is a switch. */
  readonly value?: string;
  readonly description: string;
  /** Shown in help and used when neither flag nor variable is given. */
  readonly default?: string;
  /** May be given several times. */
  readonly many?: boolean;
  readonly short?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

export class Flags {
  readonly #specs: ReadonlyMap<string, FlagSpec>;
  readonly #given: ReadonlyMap<string, readonly string[]>;
  readonly #environment: Environment;

  constructor(
    specs: readonly FlagSpec[],
    given: ReadonlyMap<string, readonly string[]>,
    environment: Environment,
  ) {
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.#given = given;
    this.#environment = environment;
  }

  /** Value of the flag, its variable or its default; undefined when there is none. */
  optional(name: string): string | undefined {
    const variable = name.toUpperCase().replaceAll("-", "_");
    return (
      this.#given.get(name)?.at(-1) ??
      this.#environment[`MESH_${variable}`] ??
      this.#environment[`MESOS_${variable}`] ??
      this.#specs.get(name)?.default
    );
  }

  text(name: string): string {
    const value = this.optional(name);
    if (value === undefined || value === "") {
      throw new MeshError(
        "BAD_FLAG",
        `Flag --${name} is missing: give --${name} ${this.#specs.get(name)?.value ?? "…"}`,
      );
    }
    return value;
  }

  /** All values of a flag that may be given several times. */
  many(name: string): readonly string[] {
    const given = this.#given.get(name);
    if (given !== undefined) return given;
    const value = this.optional(name);
    return value === undefined ? [] : [value];
  }

  switch(name: string): boolean {
    const value = this.optional(name);
    if (value === undefined || value === "false" || value === "0" || value === "no") return false;
    if (value === "true" || value === "1" || value === "yes" || value === "") return true;
    throw badFlag(name, value, "true or false");
  }

  number(
    name: string,
    bounds: { readonly min: number; readonly max: number; readonly integer?: boolean },
  ): number {
    const value = this.text(name);
    const number = Number(value);
    const kind = bounds.integer === true ? "a whole number" : "a number";
    if (!Number.isFinite(number) || (bounds.integer === true && !Number.isInteger(number))) {
      throw badFlag(name, value, kind);
    }
    if (number < bounds.min || number > bounds.max) {
      throw badFlag(name, value, `${kind} from ${bounds.min} to ${bounds.max}`);
    }
    return number;
  }

  /** Milliseconds of a duration above zero, as Mesos writes it. */
  duration(name: string): number {
    const value = this.text(name);
    const parsed = parseDuration(value);
    if (!parsed.ok || parsed.value < 1)
      throw badFlag(name, value, "a duration above zero, as 5secs or 1mins");
    return parsed.value;
  }

  /** A numeric address of this machine, without brackets. */
  ip(name: string): string {
    const value = this.text(name);
    if (isIP(value) === 0) throw badFlag(name, value, "an IP address of this machine, or 0.0.0.0 for all");
    return value;
  }

  /** 0 lets the system choose. */
  port(name: string): number {
    return this.number(name, { min: 0, max: PORT_MAX, integer: true });
  }

  /** Throws MeshError BAD_FLAG when two of these flags name one port: the second could not be opened. */
  refuseEqualPorts(...names: readonly string[]): void {
    for (const [at, name] of names.entries()) {
      const port = this.port(name);
      const other = names.slice(0, at).find((before) => port !== 0 && this.port(before) === port);
      if (other !== undefined) throw badFlag(name, String(port), `another port than that of --${other}`);
    }
  }

  /** `host:port` addresses, separated by commas; the port may be left out when `defaultPort` is given. */
  addresses(name: string, defaultPort?: number): readonly string[] {
    const value = this.text(name);
    return value.split(",").map((part) => {
      const address = parseAddress(part.trim(), defaultPort);
      if (!address.ok) throw badFlag(name, value, `host:port[,host:port…]; ${address.error}`);
      return address.value;
    });
  }

  /** `NAME=value` pairs of a repeated flag. */
  pairs(name: string): readonly (readonly [string, string])[] {
    return this.many(name).map((text) => {
      const at = text.indexOf("=");
      if (at <= 0) throw badFlag(name, text, "NAME=value");
      return [text.slice(0, at), text.slice(at + 1)] as const;
    });
  }

  /** Every flag with the value in force, as /flags shows them (Mesos' spelling: underscores). */
  effective(): Readonly<Record<string, string>> {
    const values: Record<string, string> = {};
    for (const name of this.#specs.keys()) {
      const value = this.optional(name);
      if (value !== undefined) values[name.replaceAll("-", "_")] = value;
    }
    return values;
  }
}

export function badFlag(name: string, value: string, expected: string): MeshError {
  return new MeshError("BAD_FLAG", `Flag --${name} has the value '${value}': expected ${expected}`);
}

/** Normal form `host:port`; an IPv6 host stands in brackets. */
export function parseAddress(text: string, defaultPort?: number): Result<string> {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:\s/]+)(?::(\d+))?$/.exec(text);
  if (match === null) return fail(`'${text}' is not host:port`);
  const port = match[2] === undefined ? defaultPort : Number(match[2]);
  if (port === undefined) return fail(`'${text}' lacks a port`);
  if (port < 1 || port > PORT_MAX) return fail(`port ${port} of '${text}' is not from 1 to 65535`);
  return ok(`${match[1]}:${port}`);
}

/** Host and port of a normal form made by {@link parseAddress}. */
export function splitAddress(address: string): { readonly hostname: string; readonly port: number } {
  const at = address.lastIndexOf(":");
  return { hostname: address.slice(0, at), port: Number(address.slice(at + 1)) };
}
