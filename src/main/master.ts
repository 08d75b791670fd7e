/** `mesh master`: composes the master's node with its drivers. */
import { resolve } from "node:path";
import { fixedFileSpace } from "../api/file-space.ts";
import { Slices } from "../api/in-parts.ts";
import { masterApi } from "../api/routes.ts";
import { hostPort } from "../base/host-port.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { randomUuid, uuidText } from "../base/uuid.ts";
import { MESOS_API_VERSION } from "../base/version.ts";
import { backupStream } from "../io/backup-file.ts";
import { type HttpServer, serve } from "../io/http.ts";
import type { Meeting } from "../io/link-listener.ts";
import type { Logger } from "../io/logger.ts";
import { LoopWatch, threadCpuMs } from "../io/loop-watch.ts";
import { PeerLinks } from "../io/peer-links.ts";
import { LevelRaftStore } from "../io/raft-store.ts";
import { keepThreadPriorities } from "../io/thread-priorities.ts";
import { MasterNode } from "../master/node.ts";
import { Master, type MasterDrivers } from "../master/run.ts";
import { DEFAULT_SETTINGS } from "../master/settings.ts";
import type { MasterSettings } from "../master/types.ts";
import { memberPlaces } from "../raft/membership.ts";
import type { RestoredStore } from "../raft/store.ts";
import { Registry } from "../registry/registry.ts";
import { type Flags, splitAddress } from "./flags.ts";
import { refuseWorkDirectory } from "./foreign-directory.ts";
import { handOver } from "./hand-over.ts";
import { decodePeerMessage, encodePeerMessage } from "./peer-wire.ts";
import {
  apiClock,
  buildInfo,
  daemonLogger,
  directoryError,
  lateHandler,
  now,
  shownLog,
  stopSignal,
  systemRandom,
} from "./process.ts";
import { type Founding, meet, startFounding } from "./raft-founding.ts";
import { startFoundingAlone } from "./raft-founding-alone.ts";
import {
  checkPeers,
  foundsAlone,
  memberId,
  type RaftPlace,
  raftAddress,
  raftConfig,
} from "./raft-identity.ts";
import { startJoining } from "./raft-joining.ts";
import { type MasterFlags, masterIp, readMasterFlags } from "./read-master-flags.ts";
import { openStore } from "./restore-store.ts";
import { serveAgent } from "./serve-agent.ts";
import { serveNotes } from "./serve-notes.ts";
import { systemMetrics } from "./system-metrics.ts";
import { watchWhitelist } from "./whitelist-file.ts";

/** Given to HTTP answers under way at the end. */
const HTTP_GRACE_MS = 500;
/** Longest time a timer of the runtime can count. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export interface RunningMaster {
  readonly url: string;
  readonly raftPort: number;
  /** Resolves with the reason when the master cannot go on. */
  readonly failed: Promise<Error>;
  stop(): Promise<void>;
}

export async function runMaster(flags: Flags): Promise<number> {
  const read = await readMasterFlags(flags);
  const logger = daemonLogger(flags, "master");
  const running = await startMaster({ ...read, logFile: shownLog(flags, logger) }, logger);
  // Of a process that is a master and nothing else: an agent's tasks would inherit from its threads.
  const leavePriorities = keepThreadPriorities(logger.log);
  const outcome = await Promise.race([stopSignal(), running.failed]);
  if (outcome instanceof Error) {
    process.stderr.write(`mesh: Master failed: ${outcome.message}\n`);
    // What the disk holds is unknown after a failed write: nothing more is written.
    return process.exit(1);
  }
  leavePriorities();
  await running.stop();
  return 0;
}

/** Opens the log, listens, and begins to take part in elections. */
export async function startMaster(flags: MasterFlags, logger: Logger): Promise<RunningMaster> {
  const ip = masterIp(flags);
  const place = { peers: flags.peers, join: flags.join, ip, raftPort: flags.raftPort };
  checkPeers(place);
  const dataDir = resolve(flags.dataDir);
  refuseWorkDirectory(dataDir, flags.directoryFlag);
  const failure = Promise.withResolvers<Error>();
  const store = new LevelRaftStore(dataDir, failure.resolve);
  const empty = () => new Registry();
  const { restored, state: registry } = await openStore(store, dataDir, logger.log, empty).catch((error) => {
    throw directoryError(dataDir, flags.directoryFlag, error);
  });
  const opened = {
    flags,
    logger,
    place,
    dataDir,
    store,
    restored,
    registry,
    failure,
    random: systemRandom(),
  };
  const closing: (() => Promise<void> | void)[] = [() => store.close()];
  try {
    return await join(opened, closing);
  } catch (error) {
    for (const close of closing.reverse()) await close();
    throw error;
  }
}

interface Opened {
  readonly flags: MasterFlags;
  readonly logger: Logger;
  readonly place: RaftPlace;
  readonly dataDir: string;
  readonly store: LevelRaftStore;
  readonly restored: RestoredStore;
  readonly registry: Registry;
  readonly failure: PromiseWithResolvers<Error>;
  readonly random: Random;
}

/** What the HTTP edge needs besides the master. */
function surroundings({ log, verbosity }: Opened["logger"]) {
  return { build: buildInfo(), verbosity, clock: apiClock, slices: new Slices(), log };
}

/** Opens the ports and starts the node; what it opens is added to `closing`. */
async function join(opened: Opened, closing: (() => Promise<void> | void)[]): Promise<RunningMaster> {
  const { flags, logger, place, dataDir, store, restored, registry, failure, random } = opened;
  const { log } = logger;
  const edge = lateHandler();
  const loop = new LoopWatch();
  const server = serve({ hostname: flags.ip, port: flags.port, fetch: watchedBy(loop, edge.handle) });
  closing.push(() => server.stop(0));
  let master: Master | undefined;
  const self = memberId(place, restored, () => uuidText(randomUuid(random)));
  let group: Founding | undefined;
  const links = new PeerLinks({
    self,
    address: () => group?.address,
    meet: (hello) => (group === undefined ? STARTING : meet(group, hello)),
    onRefused: (_peer, code) => {
      if (code === "removed") master?.expelled();
    },
    cluster: flags.cluster,
    tls: flags.tls,
    random: random.fork(),
    log,
    onPeerMessage: (from, value) => {
      const message = decodePeerMessage(value);
      if (message.ok) master?.peerMessage(from, message.value);
      else log.warn("Dropped a message of a peer", { peer: from, reason: message.error });
    },
    onPeerLost: (peer) => master?.peerLost(peer),
    onAgentLink: (link) => serveAgent(master, link, log),
    onClientLink: (link) => serveNotes(master, link),
  });
  closing.push(() => links.close());
  const raftPort = links.listen({ hostname: flags.ip, port: flags.raftPort });
  const bound = { ...place, raftPort };
  const port = flags.advertise === undefined ? server.port : splitAddress(flags.advertise).port;
  const settings = masterSettings(flags, random, place.ip, port);
  const node = new MasterNode({ raft: raftConfig(self, bound), settings, restored, registry, random });
  const drivers = masterDrivers(store, links, loop, log, (error) => failure.resolve(error));
  master = new Master(node, drivers, flags.effective, { hostname: place.ip, port: raftPort });
  store.onFull = (full) => master?.diskFull(full);
  edge.serve(
    masterApi({
      port: master,
      ...surroundings(logger),
      files: fixedFileSpace(flags.logFile === undefined ? {} : { "/master/log": flags.logFile }),
      backup: () => backup(store, node, flags.cluster),
    }),
  );
  await giveIdentity(store, restored, flags.cluster, self);
  group = groupOf(self, bound, flags, log, master);
  links.setMembers(memberPlaces(node.raftStatus().membership));
  const stopWatching = await watchWhitelist(flags.whitelist, log, (names) => master?.allowAgents(names));
  master.start();
  const stopEntering = enterGroup(group, flags, () => node.registry.clusterId);
  const url = `http://${hostPort(place.ip, port)}`;
  log.info("Master started", { url, member: self, raft: group.address, dataDir });
  return running({
    url,
    raftPort,
    failed: failure.promise,
    master,
    links,
    server,
    store,
    logger,
    leaving: [stopEntering, stopWatching],
  });
}

async function backup(store: LevelRaftStore, node: MasterNode, cluster: string) {
  const { membership, term } = node.raftStatus();
  const { featureLevel } = membership;
  return backupStream({ cluster, featureLevel, takenAtMs: now().wallMs, term }, await store.readState());
}

function watchedBy(loop: LoopWatch, handle: ReturnType<typeof lateHandler>["handle"]): typeof handle {
  return (request) => {
    loop.touchLonger();
    return handle(request);
  };
}

const STARTING: Meeting = { ok: false, code: "other", reason: "this master is starting" };

function groupOf(self: string, place: RaftPlace, flags: MasterFlags, log: Log, master: Master): Founding {
  return {
    self,
    address: raftAddress(place),
    peers: flags.peers,
    cluster: flags.cluster,
    tls: flags.tls,
    log,
    claims: new Set(),
    blank: () => master.blank,
    wasRemoved: (id) => master.wasRemoved(id),
    found: (members) => master.found(members),
  };
}

/** A master that knows of no cluster opens one with its peers, or asks to be taken in. */
function enterGroup(group: Founding, flags: MasterFlags, clusterId: () => string | undefined): () => void {
  if (!group.blank()) return () => {};
  const { self: id, address, cluster, log } = group;
  const { ip, aloneListenMs: listenMs } = flags;
  const stopFounding = foundsAlone(flags)
    ? startFoundingAlone({ ...group, ip, listenMs, clusterId })
    : startFounding(group);
  const blank = (): boolean => group.blank();
  const stopJoining = startJoining({ id, address, cluster, masters: flags.join, log, blank });
  return () => {
    stopFounding();
    stopJoining();
  };
}

function masterDrivers(
  store: LevelRaftStore,
  links: PeerLinks,
  loop: LoopWatch,
  log: Log,
  fail: (error: Error) => void,
): MasterDrivers {
  return {
    store,
    peers: {
      send: (to, message) => void links.send(to, encodePeerMessage(message)),
      setMembers: (members) => links.setMembers(members),
    },
    now,
    workMs: threadCpuMs,
    wakeAt,
    soon: (run) => {
      setImmediate(run);
      loop.touch();
    },
    newUuid: () => crypto.randomUUID(),
    systemMetrics: () => ({ ...systemMetrics(), ...loop.metrics() }),
    log,
    onFailure: (error) => fail(error instanceof Error ? error : new Error(String(error))),
  };
}

interface Parts {
  readonly url: string;
  readonly raftPort: number;
  readonly failed: Promise<Error>;
  readonly master: Master;
  readonly links: PeerLinks;
  readonly server: HttpServer;
  readonly store: LevelRaftStore;
  readonly logger: Logger;
  /** End what goes on beside the master. */
  readonly leaving: readonly (() => void)[];
}

function running(parts: Parts): RunningMaster {
  const { url, raftPort, failed, master, links, server, store, logger, leaving } = parts;
  return {
    url,
    raftPort,
    failed,
    stop: async () => {
      for (const leave of leaving) leave();
      await handOver(master, logger.log);
      master.close();
      await server.stop(HTTP_GRACE_MS);
      links.close();
      await store.close();
      logger.close();
    },
  };
}

function masterSettings(flags: MasterFlags, random: Random, ip: string, port: number): MasterSettings {
  return {
    ...DEFAULT_SETTINGS,
    ...flags.settings,
    ...flags.frameworks,
    address: {
      id: uuidText(randomUuid(random)),
      hostname: flags.hostname ?? ip,
      ip,
      port,
      ...(flags.domain === undefined ? {} : { domain: flags.domain }),
    },
    version: MESOS_API_VERSION,
  };
}

/** Written once, before anything else: an emptied disk is another member. */
async function giveIdentity(
  store: LevelRaftStore,
  restored: RestoredStore,
  clusterId: string,
  memberId: string,
): Promise<void> {
  if (restored.identity?.memberId === memberId) return;
  await store.write({ identity: { clusterId, memberId }, sync: true });
}

function wakeAt(monotonicMs: number, wake: () => void): () => void {
  // A timer counts whole milliseconds, so it could fire just before the deadline.
  const waitMs = Math.min(Math.max(0, Math.ceil(monotonicMs - performance.now())), TIMER_MAX_MS);
  const timer = setTimeout(wake, waitMs);
  return () => clearTimeout(timer);
}
