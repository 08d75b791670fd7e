/**
 * Transport between masters, and the door for agents. Each master dials every
 * other one and sends on that connection; what it hears comes on the
 * connections that the others dialled. Messages to a peer that cannot be
 * reached are dropped: raft repeats what matters.
 *
 *   PeerLinks.send ──► connection dialled here ──► the other's listener
 *   onPeerMessage  ◄── connection dialled there ◄── the other's PeerLinks.send
 */
import { assert } from "../base/assert.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { decodeMsgpack, lendMsgpack } from "../wire/msgpack.ts";
import { type Dialled, dial } from "./dial.ts";
import { type Hello, LINK_VERSION, type RefusalCode } from "./link-hello.ts";
import { type LinkListener, type ListenerOptions, listenForLinks } from "./link-listener.ts";
import type { LinkTls } from "./link-tls.ts";

/** For so long a member that left still gets what was meant for it. */
const LEAVE_GRACE_MS = 5_000;
/** Waiting time after the first failed connection, doubled for each one more. */
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 2_000;

export interface PeerLinksOptions {
  /** Member id of this master. */
  readonly self: string;
  /** Raft address of this master, once it is known. */
  readonly address?: () => string | undefined;
  readonly meet?: ListenerOptions["meet"];
  /** Another master refused this one. */
  onRefused?(peer: string, code: RefusalCode): void;
  readonly cluster: string;
  /** Left out: plain TCP. */
  readonly tls?: LinkTls | undefined;
  readonly random: Random;
  readonly log: Log;
  /** A value that the peer gave to `send`; not checked yet. */
  onPeerMessage(from: string, message: unknown): void;
  /** A connection from or to the peer broke: its process may be gone. */
  onPeerLost(peer: string): void;
  readonly onAgentLink: ListenerOptions["onAgentLink"];
  readonly onClientLink?: NonNullable<ListenerOptions["onClientLink"]>;
  /** How long one that is no member any more is still spoken to. Left out: 5 s. */
  readonly leaveGraceMs?: number;
}

interface Peer {
  readonly id: string;
  /** Where it is, by its own word if it gave one. */
  readonly address: string;
  /** Where the membership says that it is. */
  listed: string;
  /** It is no member any more, or not yet. */
  guest: boolean;
  connection: Dialled | null;
  /** The other side welcomed the connection under way. */
  ready: boolean;
  failures: number;
  timer: ReturnType<typeof setTimeout> | null;
}

export class PeerLinks {
  readonly #options: PeerLinksOptions;
  readonly #peers = new Map<string, Peer>();
  #listener: LinkListener | null = null;

  constructor(options: PeerLinksOptions) {
    this.#options = options;
  }

  /** Returns the port. Throws MeshError ADDRESS_IN_USE or BAD_FLAG. */
  listen(address: { readonly hostname: string; readonly port: number }): number {
    assert(this.#listener === null, "A master listens once");
    const { cluster, tls, log, onAgentLink, onClientLink, meet } = this.#options;
    this.#listener = listenForLinks({
      ...address,
      cluster,
      tls,
      log,
      onAgentLink,
      ...(meet === undefined ? {} : { meet }),
      ...(onClientLink === undefined ? {} : { onClientLink }),
      onPeerOpened: (hello) => this.#heardOf(hello),
      onPeerMessage: (from, payload) => this.#received(from, payload),
      onPeerClosed: (from, last) => {
        const peer = this.#peers.get(from);
        // The end of an older link may be noticed late: over the newer one it would wait for answers in vain.
        if (peer?.guest === true && last) this.#forget(peer);
        this.#options.onPeerLost(from);
      },
    });
    return this.#listener.port;
  }

  /** Dials new members and, after a while, lets go of those no longer named; itself is left out. */
  setMembers(members: readonly { readonly id: string; readonly address: string }[]): void {
    const addresses = new Map(members.map(({ id, address }) => [id, address]));
    for (const [id, peer] of this.#peers) {
      if (!addresses.has(id)) this.#leave(peer);
      else if (addresses.get(id) !== peer.listed) this.#forget(peer);
    }
    for (const [id, address] of addresses) {
      const known = this.#peers.get(id);
      if (known !== undefined) known.guest = false;
      else if (id !== this.#options.self) this.#add(id, address, false);
    }
  }

  /** Members whose ids are their addresses. */
  setPeers(peers: readonly string[]): void {
    this.setMembers(peers.map((id) => ({ id, address: id })));
  }

  /** False if the message was dropped. */
  send(to: string, message: unknown): boolean {
    const peer = this.#peers.get(to);
    if (peer?.connection == null || !peer.ready) return false;
    // A link copies what it is given into a frame.
    return peer.connection.send(lendMsgpack(message));
  }

  /** Peers that a message would reach now. */
  connected(): string[] {
    return [...this.#peers.values()].filter((peer) => peer.ready).map((peer) => peer.id);
  }

  close(): void {
    for (const peer of this.#peers.values()) this.#forget(peer);
    this.#listener?.close();
    this.#listener = null;
  }

  #received(from: string, payload: Uint8Array): void {
    const message = decodeMsgpack(payload);
    if (message.ok) this.#options.onPeerMessage(from, message.value);
    else this.#options.log.warn("Dropped a message of a peer", { peer: from, reason: message.error });
  }

  #add(id: string, address: string, guest: boolean): void {
    const state = { connection: null, ready: false, failures: 0, timer: null };
    const peer: Peer = { id, address, listed: address, guest, ...state };
    this.#peers.set(id, peer);
    this.#connect(peer);
  }

  /**
   * A member that this master does not know of yet, as its log lags, must get
   * answers all the same; and one that moved, at its new address.
   */
  #heardOf({ from, to, address }: Hello): void {
    const inquiry = to === undefined;
    if (inquiry || address === undefined || from === this.#options.self) return;
    const known = this.#peers.get(from);
    if (known === undefined) {
      this.#add(from, address, true);
    } else if (known.address !== address) {
      this.#forget(known);
      this.#add(from, address, known.guest);
      const moved = this.#peers.get(from);
      if (moved !== undefined) moved.listed = known.listed;
    } else if (known.timer !== null) {
      // It is back: no reason to wait for the next try.
      clearTimeout(known.timer);
      this.#connect(known);
    }
  }

  #connect(peer: Peer): void {
    const { self, cluster, tls, log } = this.#options;
    const address = this.#options.address?.();
    const colon = peer.address.lastIndexOf(":");
    peer.timer = null;
    const connection = dial({
      hostname: peer.address.slice(0, colon).replace(/^\[|\]$/g, ""),
      port: Number(peer.address.slice(colon + 1)),
      tls,
      hello: {
        ...{ kind: "peer", cluster, from: self, version: LINK_VERSION, to: peer.id },
        ...(address === undefined ? {} : { address }),
      },
      onWelcome: () => {
        peer.ready = true;
        peer.failures = 0;
        log.info("Connected to peer", { peer: peer.id, address: peer.address });
      },
      onRefused: (code) => this.#options.onRefused?.(peer.id, code),
      onMessage: () => connection.close(),
      onClose: (reason) => this.#disconnected(peer, reason),
    });
    peer.connection = connection;
  }

  #disconnected(peer: Peer, reason: string): void {
    const wasReady = peer.ready;
    peer.ready = false;
    peer.connection = null;
    if (this.#peers.get(peer.id) !== peer) return;
    const { log, random } = this.#options;
    const stepMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** peer.failures);
    // Said once per step of the back-off, not once per try.
    if (stepMs < RECONNECT_MAX_MS || wasReady) {
      log.warn("No connection to peer", { peer: peer.id, address: peer.address, reason, retryMs: stepMs });
    }
    if (stepMs < RECONNECT_MAX_MS) peer.failures++;
    peer.timer = setTimeout(() => this.#connect(peer), random.between(Math.ceil(stepMs / 2), stepMs));
    if (wasReady) this.#options.onPeerLost(peer.id);
  }

  /**
   * It is still to hear that it left. What said so may not have reached it, or not have been
   * understood, if its log lags: whoever calls anew is told at the door.
   */
  #leave(peer: Peer): void {
    if (peer.guest) return;
    peer.guest = true;
    const timer = setTimeout(() => {
      if (!peer.guest || this.#peers.get(peer.id) !== peer) return;
      this.#forget(peer);
      this.#listener?.hangUp(peer.id, "it is no member any more");
    }, this.#options.leaveGraceMs ?? LEAVE_GRACE_MS);
    timer.unref();
  }

  #forget(peer: Peer): void {
    if (this.#peers.get(peer.id) === peer) this.#peers.delete(peer.id);
    if (peer.timer !== null) clearTimeout(peer.timer);
    peer.connection?.close();
  }
}
