/**
 * A client with a session: one operation at a time, sent to one member after
 * the other until somebody answers. A command is repeated under its number; one
 * that was given up may still take effect, so the session ends with it.
 */
import type { Random } from "../../src/base/random.ts";
import { type RegisterAction, type RegisterOperation, UNWRITTEN } from "../support/linearizability.ts";
import type { Cluster } from "./cluster.ts";
import type { KvCommand } from "./kv-machine.ts";
import type { Member } from "./member.ts";
import type { Answer } from "./requests.ts";

const ATTEMPTS_MAX = 8;
/** Chance that the next attempt goes to the member that answered last. */
const FAITHFUL = 0.6;

interface Operation {
  readonly key: string;
  /** Null: a read. */
  readonly command: KvCommand | null;
  readonly invokedAt: number;
  attempts: number;
  /** An attempt without a definite end may still have an effect. */
  uncertain: boolean;
  /** Told of the value, or null if the operation was given up. */
  readonly done: (value: number | null) => void;
}

export class Client {
  readonly id: string;
  readonly #cluster: Cluster;
  readonly #random: Random;
  #session: number;
  #number = 0;
  #current: Operation | null = null;
  #favourite: Member | undefined;
  #lastSeen = UNWRITTEN;

  constructor(cluster: Cluster, id: string) {
    this.id = id;
    this.#cluster = cluster;
    this.#random = cluster.world.fork();
    this.#session = cluster.newSession();
  }

  get idle(): boolean {
    return this.#current === null;
  }

  /** Works until the cluster's workload ends. */
  work(): void {
    const { options, world } = this.#cluster;
    world.after(2 * options.thinkMeanMs * this.#random.fraction(), () => {
      if (!this.#cluster.working) return;
      this.#operate(() => this.work());
    });
  }

  write(key: string, done: (value: number | null) => void): void {
    this.#start(key, this.#commandFor(key, false), done);
  }

  read(key: string, done: (value: number | null) => void): void {
    this.#start(key, null, done);
  }

  #operate(done: () => void): void {
    const { options } = this.#cluster;
    const key = `${this.#random.below(options.keys)}`;
    if (this.#random.below(100) < options.readPercent) this.read(key, done);
    else this.#start(key, this.#commandFor(key, this.#random.chance(0.3)), done);
  }

  #commandFor(key: string, swap: boolean): KvCommand {
    const value = this.#cluster.newValue();
    const command = { session: this.#session, number: ++this.#number, key, value };
    return swap ? { ...command, expected: this.#lastSeen } : command;
  }

  #start(key: string, command: KvCommand | null, done: (value: number | null) => void): void {
    const invokedAt = this.#cluster.nextEvent();
    this.#current = { key, command, invokedAt, attempts: 0, uncertain: false, done };
    this.#attempt(this.#current);
  }

  #attempt(operation: Operation): void {
    if (operation.attempts >= ATTEMPTS_MAX) {
      this.#giveUp(operation);
      return;
    }
    const attempt = ++operation.attempts;
    const member = this.#chooseMember();
    let ended = false;
    const end = (answer: Answer | null): void => {
      if (ended || this.#current !== operation || operation.attempts !== attempt) return;
      ended = true;
      this.#answered(operation, member, answer);
    };
    this.#cluster.ask(this.id, member, operation.key, operation.command, end);
    this.#cluster.world.after(this.#cluster.options.attemptMs, () => end(null));
  }

  #answered(operation: Operation, member: Member, answer: Answer | null): void {
    if (answer?.kind === "done") {
      this.#favourite = member;
      this.#finish(operation, answer.value);
      return;
    }
    if (answer?.kind !== "refused") operation.uncertain = true;
    this.#favourite = undefined;
    const pauseMs = this.#random.fraction() * this.#cluster.options.raft.electionTimeoutMs * 0.3;
    this.#cluster.world.after(pauseMs, () => {
      if (this.#current === operation) this.#attempt(operation);
    });
  }

  #finish(operation: Operation, value: number): void {
    const { command } = operation;
    if (command !== null) this.#cluster.checkers.commands.acknowledge(command, value);
    const swapped = command !== null && (command.expected === undefined || command.expected === value);
    this.#lastSeen = swapped ? command.value : value;
    this.#record(operation, actionOf(command, value), this.#cluster.nextEvent());
    this.#current = null;
    operation.done(value);
  }

  #giveUp(operation: Operation): void {
    const { command, uncertain } = operation;
    if (command !== null && uncertain) {
      this.#record(operation, actionOf(command, null), Number.POSITIVE_INFINITY);
      this.#session = this.#cluster.newSession();
      this.#number = 0;
    }
    this.#current = null;
    operation.done(null);
  }

  #record({ key, invokedAt }: Operation, action: RegisterAction, returnedAt: number): void {
    const operation: RegisterOperation = { key, by: this.id, action, invokedAt, returnedAt };
    this.#cluster.history.push(operation);
  }

  #chooseMember(): Member {
    const { members } = this.#cluster;
    // Who leads no longer but does not know it must not answer: two at once are a chance to catch.
    const leaders = members.filter((member) => member.leadsTerm !== null);
    if (leaders.length > 0 && this.#random.chance(leaders.length > 1 ? 0.8 : 0.3))
      return this.#random.pick(leaders);
    if (this.#favourite !== undefined && this.#random.chance(FAITHFUL)) return this.#favourite;
    return this.#random.pick(members);
  }
}

/** `found` is null if nobody knows what the command found. */
function actionOf(command: KvCommand | null, found: number | null): RegisterAction {
  if (command === null) return { kind: "read", saw: found ?? UNWRITTEN };
  const { expected, value } = command;
  return expected === undefined ? { kind: "write", value } : { kind: "swap", expected, value, saw: found };
}
