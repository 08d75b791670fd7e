/**
 * The commands of tests/raft/scenarios: nodes whose messages and disk writes
 * wait until a command lets them go on.
 *
 *   nodes 3 [keep=5]        start n1..n3; log entries kept behind the applied one
 *   join n4                 starts a further node, which waits to be taken in
 *   expelled n3             another node told it that it was removed
 *   add n1 n4               promote n1 n4          remove n1 n3   asked of n1
 *   campaign n1             time passes until n1's election timeout; only n1 notices
 *   heartbeat n1            time passes until n1's next deadline
 *   advance 400             time passes, nobody is ticked
 *   tick n1                 tick at the present time
 *   propose n1 text         read n1        transfer n1 [n2]       lost n1 n2
 *   deliver [n1>n2]         the messages that wait now, all or of one link
 *   drop n1>n2              repeat n1>n2   reverse n1>n2          of the waiting messages
 *   disk n1                 writes and reads of n1 complete
 *   settle [quiet]          all of that until nothing waits
 *   cut n1 | cut n1>n2      heal           crash n1               restart n1 [level=2]
 *   forget n1 3 [term=1]    while n1 is down: its disk loses the entries after 3, and shows an older entry 3
 *   status                  log n1         members
 */
import { assert, present } from "../../src/base/assert.ts";
import { Random } from "../../src/base/random.ts";
import {
  describeEffect,
  describeEntries,
  describeMembership,
  describeMessage,
} from "../../src/raft/describe.ts";
import { RaftNode } from "../../src/raft/node.ts";
import type { MembershipChange, RaftEffect, RaftInput, RaftMessage } from "../../src/raft/types.ts";
import { DiskImage } from "./disk-image.ts";
import type { Command, Interpreter } from "./scenario.ts";

interface Waiting {
  readonly from: string;
  readonly to: string;
  readonly message: RaftMessage;
}

interface Node {
  readonly id: string;
  /** Members of a new cluster; none: it waits to be taken in. */
  readonly peers: readonly string[];
  featureLevel: number;
  raft: RaftNode | null;
  disk: DiskImage;
  /** Writes and reads under way: what they do, and their answer. */
  jobs: { readonly run: () => void; readonly answer: RaftInput | null }[];
  snapshot: { appliedIndex: number; records: ReturnType<DiskImage["records"]> } | null;
}

const CHUNK_RECORDS = 2;

export function raftInterpreter(): Interpreter {
  const world = new World();
  return (command) => world.run(command);
}

class World {
  #nodes: Node[] = [];
  #waiting: Waiting[] = [];
  #cut = new Set<string>();
  #nowMs = 0;
  #out: string[] = [];
  #keep = 1_000;
  #nextRef = 1;

  run(command: Command): readonly string[] {
    this.#out = [];
    const handler = this.#commands[command.name];
    assert(handler !== undefined, `Unknown scenario command "${command.name}"`);
    handler(command);
    return this.#out;
  }

  readonly #commands: Readonly<Record<string, (command: Command) => void>> = {
    nodes: ({ words, options }) => {
      this.#keep = Number(options["keep"] ?? 1_000);
      const peers = Array.from({ length: Number(words[0]) }, (_, n) => `n${n + 1}`);
      for (const id of peers) this.#nodes.push(newNode(id, peers));
      for (const node of this.#nodes) this.#start(node);
      this.#out = [];
    },
    join: ({ words }) => {
      const node = newNode(present(words[0], "Which node?"), []);
      this.#nodes.push(node);
      this.#start(node);
    },
    add: ({ words: [leader, id = ""] }) =>
      this.#change(leader, { kind: "add-learner", member: { id, address: id } }),
    promote: ({ words: [leader, id = ""] }) => this.#change(leader, { kind: "promote", id }),
    remove: ({ words: [leader, id = ""] }) => this.#change(leader, { kind: "remove", id }),
    expelled: ({ words }) => this.#step(this.#node(words[0]), { kind: "expelled" }),
    campaign: ({ words }) => {
      const node = this.#node(words[0]);
      this.#tickAtDeadline(node);
      // A tick that comes far too late is forgiven once.
      if (this.#out.length === 0) this.#tickAtDeadline(node);
    },
    heartbeat: ({ words }) => this.#tickAtDeadline(this.#node(words[0])),
    advance: ({ words }) => {
      this.#nowMs += Number(words[0]);
    },
    tick: ({ words }) => this.#step(this.#node(words[0]), { kind: "tick" }),
    propose: ({ words }) => {
      const data = new TextEncoder().encode(words[1] ?? "");
      this.#step(this.#node(words[0]), { kind: "propose", ref: this.#nextRef++, data });
    },
    read: ({ words }) => this.#step(this.#node(words[0]), { kind: "read-index", ref: this.#nextRef++ }),
    transfer: ({ words }) => this.#step(this.#node(words[0]), { kind: "transfer", to: words[1] ?? null }),
    lost: ({ words }) => this.#step(this.#node(words[0]), { kind: "peer-lost", peer: words[1] ?? "" }),
    deliver: ({ words }) => this.#deliver(words[0]),
    drop: ({ words }) => this.#edit(words[0], () => []),
    repeat: ({ words }) => this.#edit(words[0], (messages) => [...messages, ...messages]),
    reverse: ({ words }) => this.#edit(words[0], (messages) => [...messages].reverse()),
    disk: ({ words }) => this.#disk(this.#node(words[0])),
    settle: ({ words }) => {
      this.#settle();
      if (words[0] === "quiet") this.#out = [];
    },
    cut: ({ words }) => this.#cutLinks(words[0] ?? ""),
    heal: () => this.#cut.clear(),
    crash: ({ words }) => {
      const node = this.#node(words[0]);
      node.raft = null;
      node.jobs = [];
      this.#waiting = this.#waiting.filter((waiting) => waiting.to !== node.id);
    },
    restart: ({ words, options }) => {
      const node = this.#node(words[0]);
      node.featureLevel = Number(options["level"] ?? node.featureLevel);
      this.#start(node);
    },
    forget: ({ words, options }) => {
      const node = this.#node(words[0]);
      node.disk.forget(Number(words[1]), options["term"] === undefined ? null : Number(options["term"]));
    },
    members: () => {
      for (const { id, raft } of this.#nodes) {
        const status = raft?.status();
        this.#out.push(
          status === undefined
            ? `${id} down`
            : `${id} ${status.role} {${describeMembership(status.membership)}}`,
        );
      }
    },
    status: () => this.#status(),
    log: ({ words }) => {
      const { disk } = this.#node(words[0]);
      this.#out.push(`after ${disk.snapshot.index}/${disk.snapshot.term}: ${describeEntries(disk.entries)}`);
    },
  };

  #node(id: string | undefined): Node {
    return present(
      this.#nodes.find((node) => node.id === id),
      `No node "${id}"`,
    );
  }

  #start(node: Node): void {
    const { peers, featureLevel } = node;
    const seed = this.#nodes.indexOf(node) + 1;
    node.raft = new RaftNode(
      { self: node.id, peers, featureLevel, keepEntries: this.#keep },
      node.disk.restored(),
      new Random(seed),
    );
    this.#step(node, { kind: "tick" });
  }

  #change(leader: string | undefined, change: MembershipChange): void {
    this.#step(this.#node(leader), { kind: "change-membership", ref: this.#nextRef++, change });
  }

  #tickAtDeadline(node: Node): void {
    this.#nowMs = Math.max(this.#nowMs, node.raft?.nextDeadlineMs() ?? 0);
    this.#step(node, { kind: "tick" });
  }

  #step(node: Node, input: RaftInput): void {
    const inputs = [input];
    for (let next = inputs.shift(); next !== undefined && node.raft !== null; next = inputs.shift()) {
      for (const effect of node.raft.step(next, { monotonicMs: this.#nowMs, wallMs: 0 })) {
        this.#out.push(`${node.id} ${describeEffect(effect)}`);
        const answer = this.#carryOut(node, effect);
        if (answer !== null) inputs.push(answer);
      }
    }
  }

  /** Returns an answer that is due at once. */
  #carryOut(node: Node, effect: RaftEffect): RaftInput | null {
    const { disk } = node;
    switch (effect.kind) {
      case "send":
        if (!this.#cut.has(`${node.id}>${effect.to}`)) {
          this.#waiting.push({ from: node.id, to: effect.to, message: effect.message });
        }
        return null;
      case "persist": {
        const { kind: _, token, ...change } = effect;
        node.jobs.push({
          run: () => disk.write({ ...change, sync: true }),
          answer: { kind: "persisted", token },
        });
        return null;
      }
      case "commit": {
        const stateChanges = effect.entries.map(
          (entry) => [Buffer.from(`k${entry.index}`), entry.data] as const,
        );
        const index = effect.entries.at(-1)?.index ?? 0;
        node.jobs.push({
          run: () => disk.write({ stateChanges, appliedIndex: index, sync: true }),
          answer: null,
        });
        return { kind: "applied", index };
      }
      case "compact":
        node.jobs.push({
          run: () => disk.write({ compactTo: effect.snapshot, sync: true }),
          answer: null,
        });
        return null;
      case "read-entries": {
        const entries = disk.slice(effect.from, effect.to, 1_000);
        node.jobs.push({ run() {}, answer: { kind: "entries-read", peer: effect.peer, entries } });
        return null;
      }
      case "read-snapshot": {
        const { to, id, sequence } = effect;
        if (sequence === 0) node.snapshot = { appliedIndex: disk.appliedIndex, records: disk.records() };
        const { appliedIndex, records: all } = present(node.snapshot, "No open snapshot");
        const records = all.slice(sequence * CHUNK_RECORDS, (sequence + 1) * CHUNK_RECORDS);
        const done = (sequence + 1) * CHUNK_RECORDS >= all.length;
        const answer = { kind: "snapshot-read", to, id, sequence, appliedIndex, records, done } as const;
        node.jobs.push({ run() {}, answer });
        return null;
      }
      case "stage-snapshot": {
        const { chunk } = effect;
        const answer = { kind: "snapshot-staged", id: chunk.id, sequence: chunk.sequence } as const;
        node.jobs.push({ run: () => disk.stage(chunk), answer });
        return null;
      }
      case "role":
      case "membership":
      case "membership-changed":
      case "change-refused":
      case "transfer-failed":
      case "outdated":
      case "proposed":
      case "dropped":
      case "read-ready":
      case "close-snapshot":
        return null;
    }
  }

  #deliver(link: string | undefined): void {
    const all = this.#waiting;
    const now = all.filter((waiting) => matches(waiting, link));
    this.#waiting = all.filter((waiting) => !matches(waiting, link));
    for (const { from, to, message } of now) {
      this.#out.push(`${from} > ${to}: ${describeMessage(message)}`);
      this.#step(this.#node(to), { kind: "message", from, message });
    }
  }

  #disk(node: Node): void {
    const { jobs } = node;
    node.jobs = [];
    for (const { run, answer } of jobs) {
      run();
      if (answer !== null) this.#step(node, answer);
    }
  }

  #settle(): void {
    for (let turn = 0; turn < 200; turn++) {
      if (this.#waiting.length === 0 && this.#nodes.every((node) => node.jobs.length === 0)) return;
      for (const node of this.#nodes) this.#disk(node);
      this.#deliver(undefined);
    }
    assert(false, "The scenario does not settle");
  }

  #edit(link: string | undefined, change: (messages: Waiting[]) => Waiting[]): void {
    const chosen = this.#waiting.filter((waiting) => matches(waiting, link));
    this.#waiting = [...this.#waiting.filter((waiting) => !matches(waiting, link)), ...change(chosen)];
  }

  #cutLinks(what: string): void {
    if (what.includes(">")) this.#cut.add(what);
    else {
      for (const other of this.#nodes) this.#cut.add(`${what}>${other.id}`).add(`${other.id}>${what}`);
    }
    this.#waiting = this.#waiting.filter(({ from, to }) => !this.#cut.has(`${from}>${to}`));
  }

  #status(): void {
    for (const { id, raft } of this.#nodes) {
      if (raft === null) {
        this.#out.push(`${id} down`);
        continue;
      }
      const s = raft.status();
      const damage = s.damage === null ? "" : " repairing";
      const log = `log=${s.firstIndex}..${s.lastIndex} commit=${s.commitIndex}${damage}`;
      const peers = s.peers.map((peer) => ` ${peer.id}:${peer.state}@${peer.matchIndex}`).join("");
      this.#out.push(`${id} ${s.role} term=${s.term} leader=${s.leader ?? "none"} ${log}${peers}`);
    }
  }
}

function newNode(id: string, peers: readonly string[]): Node {
  return { id, peers, featureLevel: 1, raft: null, disk: new DiskImage(), jobs: [], snapshot: null };
}

function matches(waiting: Waiting, link: string | undefined): boolean {
  return link === undefined || link === `${waiting.from}>${waiting.to}`;
}
