/**
 * The obvious twin of offer operations: amounts by the text of their
 * reservations, volumes by id. It knows cpus and disk only.
 */
import type { Random } from "../../src/base/random.ts";
import type { OfferOperation } from "../../src/model/v1/offers.ts";
import type { Resource, ResourceReservationInfo } from "../../src/model/v1/resources.ts";

const STACKS = ["", "a", "a a/b"] as const;
const IDS = ["v1", "v2"] as const;

export function layers(stack: string): ResourceReservationInfo[] {
  return stack === "" ? [] : stack.split(" ").map((role) => ({ type: "DYNAMIC", role }));
}

export function plain(name: string, stack: string, value: number): Resource {
  const reservations = layers(stack);
  return { name, type: "SCALAR", scalar: { value }, ...(stack !== "" && { reservations }) };
}

export function volume(id: string, stack: string, value: number): Resource {
  const disk = { persistence: { id }, volume: { container_path: "data", mode: "RW" as const } };
  return { ...plain("disk", stack, value), disk };
}

function parent(stack: string): string {
  return stack.split(" ").slice(0, -1).join(" ");
}

export class OperationTwin {
  readonly #amounts = new Map<string, number>([
    ["cpus|", 8],
    ["disk|", 8],
  ]);
  readonly #volumes = new Map<string, { readonly stack: string; readonly value: number }>();

  resources(): Resource[] {
    const volumes = [...this.#volumes].map(([id, { stack, value }]) => volume(id, stack, value));
    const amounts = [...this.#amounts].map(([key, value]) => {
      const [name = "", stack = ""] = key.split("|");
      return plain(name, stack, value);
    });
    return [...amounts, ...volumes];
  }

  /** A random operation, and what makes it happen here; `apply` answers whether it could. */
  draw(random: Random): { readonly operation: OfferOperation; apply(): boolean } {
    const [name, stack, value] = [random.pick(["cpus", "disk"]), random.pick(STACKS), random.between(1, 5)];
    // Of one role: ids are unique within a role.
    const id = `${random.pick(IDS)}-${stack === "a" ? "a" : "b"}`;
    const held = this.#volumes.get(id);
    const mine = { stack: held?.stack ?? stack, value: held?.value ?? value };
    const resources = [plain(name, stack, value)];
    switch (random.below(6)) {
      case 0:
        return {
          operation: { type: "RESERVE", reserve: { resources } },
          apply: () => stack !== "" && this.#move(name, parent(stack), stack, value),
        };
      case 1:
        return {
          operation: { type: "UNRESERVE", unreserve: { resources } },
          apply: () => stack !== "" && this.#move(name, stack, parent(stack), value),
        };
      case 2:
        return {
          operation: { type: "CREATE", create: { volumes: [volume(id, stack, value)] } },
          apply: () => this.#create(id, stack, value),
        };
      case 3:
        return {
          operation: { type: "DESTROY", destroy: { volumes: [volume(id, mine.stack, mine.value)] } },
          apply: () => held !== undefined && this.#put(id, "disk", mine.stack, mine.value, undefined),
        };
      case 4:
        return {
          operation: {
            type: "GROW_VOLUME",
            grow_volume: {
              volume: volume(id, mine.stack, mine.value),
              addition: plain("disk", stack, value),
            },
          },
          apply: () =>
            held?.stack === stack &&
            this.#put(id, "disk", stack, -value, { stack, value: held.value + value }),
        };
      default:
        return {
          operation: {
            type: "SHRINK_VOLUME",
            shrink_volume: { volume: volume(id, mine.stack, mine.value), subtract: { value } },
          },
          apply: () =>
            held !== undefined &&
            value < held.value &&
            this.#put(id, "disk", held.stack, value, { stack: held.stack, value: held.value - value }),
        };
    }
  }

  #create(id: string, stack: string, value: number): boolean {
    const taken = [...this.#volumes].some(([other]) => other === id);
    return stack !== "" && !taken && this.#put(id, "disk", stack, -value, { stack, value });
  }

  #put(
    id: string,
    name: string,
    stack: string,
    by: number,
    to: { readonly stack: string; readonly value: number } | undefined,
  ): boolean {
    if (!this.#change(`${name}|${stack}`, by)) return false;
    if (to === undefined) this.#volumes.delete(id);
    else this.#volumes.set(id, to);
    return true;
  }

  #move(name: string, from: string, to: string, value: number): boolean {
    return this.#change(`${name}|${from}`, -value) && this.#change(`${name}|${to}`, value);
  }

  #change(key: string, by: number): boolean {
    const value = (this.#amounts.get(key) ?? 0) + by;
    if (value < 0) return false;
    this.#amounts.set(key, value);
    return true;
  }
}
