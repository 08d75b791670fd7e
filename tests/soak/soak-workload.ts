/** What frameworks of the soak launch. Each task writes down its start, and its end where it comes to it. */
import type { Random } from "../../src/base/random.ts";
import type { ContainerInfo } from "../../src/model/v1/containers.ts";
import type { TaskInfo } from "../../src/model/v1/tasks.ts";
import type { SoakSpec } from "./soak-framework.ts";

const ENDLESS = "exec sleep 100000";

const SHARED: ContainerInfo = {
  type: "MESOS",
  volumes: [
    {
      mode: "RW",
      container_path: "shared",
      source: { type: "SANDBOX_PATH", sandbox_path: { type: "PARENT", path: "common" } },
    },
  ],
};

/** 100 KB at any path, and slow to come. */
export function serveUris(hostname: string, random: Random): Bun.Server<undefined> {
  return Bun.serve({
    hostname,
    port: 0,
    async fetch() {
      await Bun.sleep(random.below(3_000));
      return new Response("x".repeat(100_000));
    },
  });
}

export class SoakWorkload {
  readonly #random: Random;
  readonly #started: string;
  readonly #uri: string;
  #count = 0;

  /** `started`: the file in which tasks write; `uri`: where what they fetch begins. */
  constructor(random: Random, started: string, uri: string) {
    this.#random = random;
    this.#started = started;
    this.#uri = uri;
  }

  /** One task, or the tasks of a group. */
  next(): SoakSpec[] {
    const kind = this.#random.below(10);
    if (kind < 4) return [this.#short()];
    if (kind < 6) return [this.#endless()];
    if (kind < 8) return this.#group();
    return [kind === 8 ? this.#checked() : this.#fetching()];
  }

  #spec(letter: string, body: string, more?: Partial<TaskInfo>): SoakSpec {
    const id = `${letter}${this.#count++}`;
    const end = body.includes(ENDLESS)
      ? ""
      : `; status=$?; echo "end ${id}" >> ${this.#started}; exit $status`;
    const command = `echo "start ${id}" >> ${this.#started}; ${body}${end}`;
    return { id, command, endless: end === "", ...(more === undefined ? {} : { more }) };
  }

  #short(): SoakSpec {
    return this.#spec("short-", `sleep 0.${this.#random.below(30)}; (exit ${this.#random.below(3)})`);
  }

  #endless(): SoakSpec {
    if (this.#random.below(3) > 0) return this.#spec("endless-", ENDLESS);
    const kill_policy = { grace_period: { nanoseconds: 1_000_000_000 } };
    return this.#spec("deaf-", `trap '' TERM; ${ENDLESS}`, { kill_policy });
  }

  #group(): SoakSpec[] {
    const more = { container: SHARED };
    const first = this.#spec(
      "first-",
      `echo >> shared/x; sleep 0.5; (exit ${this.#random.below(2) * 3})`,
      more,
    );
    const second = this.#spec("second-", this.#random.below(3) === 0 ? ENDLESS : "sleep 1", more);
    return [first, second];
  }

  /** Healthy, or healthy for two seconds. */
  #checked(): SoakSpec {
    const body = this.#random.below(2) === 0 ? `touch up; ${ENDLESS}` : "touch up; sleep 2; rm up; sleep 60";
    return this.#spec("checked-", body, {
      health_check: {
        ...{ type: "COMMAND", command: { value: "test -e up" }, consecutive_failures: 2 },
        ...{ delay_seconds: 0.5, interval_seconds: 0.5, timeout_seconds: 5, grace_period_seconds: 5 },
      },
    });
  }

  #fetching(): SoakSpec {
    const uri = {
      value: `${this.#uri}${this.#random.below(3)}`,
      output_file: "f",
      cache: this.#random.below(2) === 0,
    };
    const { command, ...spec } = this.#spec("fetching-", "test -s f");
    return { ...spec, command, more: { command: { value: command, uris: [uri] } } };
  }
}
