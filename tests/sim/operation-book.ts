/**
 * Operations that a framework draws for an offer, each with an id, and which
 * of them were answered: by their end, or by the word that nobody knows them.
 */
import type { Random } from "../../src/base/random.ts";
import type { Offer, OfferOperation, OperationStatus } from "../../src/model/v1/offers.ts";
import type { Resource } from "../../src/model/v1/resources.ts";

const ENDS: ReadonlySet<string> = new Set([
  "OPERATION_FINISHED",
  "OPERATION_ERROR",
  "OPERATION_DROPPED",
  "OPERATION_UNKNOWN",
]);
const CPUS = 0.1;
const DISK = 10;

export class OperationBook {
  readonly #owner: string;
  readonly #role: string;
  readonly #open = new Set<string>();
  #made = 0;
  finished = 0;

  constructor(owner: string, role: string) {
    this.#owner = owner;
    this.#role = role;
  }

  get open(): readonly string[] {
    return [...this.#open];
  }

  /** Notes an answer. */
  tell({ operation_id, state }: OperationStatus): void {
    const id = operation_id?.value ?? "";
    if (!id.startsWith(`${this.#owner}-`)) throw new Error(`${this.#owner} was told of operation '${id}'`);
    if (!ENDS.has(state)) return;
    if (this.#open.delete(id) && state === "OPERATION_FINISHED") this.finished++;
  }

  /** What to do with an offer: things go back by chance, or all of them. */
  draw(random: Random, { resources = [] }: Offer, all: boolean): OfferOperation[] {
    const mine = (resource: Resource): boolean => resource.reservations?.at(-1)?.role === this.#role;
    const back = resources.filter((resource) => mine(resource) && (all || random.chance(0.4)));
    const volumes = back.filter((resource) => resource.disk !== undefined);
    const operations = volumes.flatMap((volume) => [
      this.#named({ type: "DESTROY", destroy: { volumes: [volume] } }),
      this.#named({ type: "UNRESERVE", unreserve: { resources: [withoutDisk(volume)] } }),
    ]);
    const reserved = back.filter((resource) => resource.disk === undefined);
    if (reserved.length > 0) {
      operations.push(this.#named({ type: "UNRESERVE", unreserve: { resources: reserved } }));
    }
    if (all) return operations;
    if (random.chance(0.5)) operations.push(this.#reserve("cpus", CPUS));
    if (random.chance(0.3)) {
      const disk = {
        persistence: { id: `v-${random.below(4)}` },
        volume: { container_path: "d", mode: "RW" as const },
      };
      operations.push(this.#reserve("disk", DISK));
      operations.push(
        this.#named({ type: "CREATE", create: { volumes: [{ ...this.#amount("disk", DISK), disk }] } }),
      );
    }
    return operations;
  }

  #reserve(name: string, value: number): OfferOperation {
    return this.#named({ type: "RESERVE", reserve: { resources: [this.#amount(name, value)] } });
  }

  #amount(name: string, value: number): Resource {
    const reservations = [{ type: "DYNAMIC" as const, role: this.#role }];
    return {
      name,
      type: "SCALAR",
      scalar: { value },
      reservations,
      allocation_info: { role: this.#role },
    };
  }

  #named(operation: OfferOperation): OfferOperation {
    const value = `${this.#owner}-o${this.#made++}`;
    this.#open.add(value);
    return { ...operation, id: { value } };
  }
}

function withoutDisk({ disk: _, ...resource }: Resource): Resource {
  return resource;
}
