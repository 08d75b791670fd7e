/** `mesh agent`: composes the agent's core with its drivers. */
import { realpathSync } from "node:fs";
import { availableParallelism } from "node:os";
import { checkpointDirectory } from "../agent/paths.ts";
import { RECONFIGURATION_POLICIES, type ReconfigurationPolicy } from "../agent/reconfiguration.ts";
import { Agent } from "../agent/run.ts";
import type { AgentDrivers } from "../agent/run-drivers.ts";
import type { AgentConfig, ExecutorTimes } from "../agent/types.ts";
import type { AgentContext } from "../api/context.ts";
import { agentApi } from "../api/routes.ts";
import { hostPort } from "../base/host-port.ts";
import type { Log } from "../base/log.ts";
import { MESOS_API_VERSION } from "../base/version.ts";
import { FollowedOutput } from "../io/follow-output.ts";
import { type HttpServer, serve } from "../io/http.ts";
import { linkLatest } from "../io/latest-link.ts";
import { LeaderFinder } from "../io/leader-finder.ts";
import type { LinkTls } from "../io/link-tls.ts";
import type { Logger } from "../io/logger.ts";
import { inspectMachine, type Machine } from "../io/machine.ts";
import { removeSandbox } from "../io/remove-sandbox.ts";
import { removeVolume } from "../io/remove-volume.ts";
import type { Runtime } from "../isolation/runtime.ts";
import type { AgentInfo } from "../model/v1/frameworks.ts";
import { readAddressFlags } from "./address-flags.ts";
import { checkAgentFeatures } from "./agent-features.ts";
import { agentInfo, agentIp, type InfoFlags } from "./agent-info.ts";
import { type OpenedRuntime, openRuntime, type RuntimeFlags } from "./agent-runtime.ts";
import { startWatches, type WatchSettings } from "./agent-watches.ts";
import { readCgroupSettings } from "./cgroup-flags.ts";
import { readConfinement, readContainerPolicy } from "./container-flags.ts";
import { domainOf } from "./domain-flag.ts";
import {
  type ExecutorAuthentication,
  executorCheck,
  executorToken,
  readExecutorAuthentication,
  warnOfExposedKey,
} from "./executor-authentication.ts";
import { readExecutorTimes, readExecutorVariables } from "./executor-flags.ts";
import { readFetcherFlags } from "./fetcher-flags.ts";
import { badFlag, type Flags, splitAddress } from "./flags.ts";
import { agreedGpus, findGpus, readGpuDevices } from "./gpu-flags.ts";
import { ownHostname } from "./host-name.ts";
import { readImageSettings } from "./image-flags.ts";
import { readLoadSettings } from "./load-watch.ts";
import { readNetworkFlags } from "./network-flags.ts";
import { openLink } from "./open-agent-link.ts";
import { readPortSettings } from "./port-flags.ts";
import {
  apiClock,
  buildInfo,
  daemonLogger,
  lateHandler,
  now,
  shownLog,
  stopSignal,
  systemRandom,
} from "./process.ts";
import { cleanUp, openCheckpoint, type RecoverySettings, readRecoverySettings } from "./recovery-flags.ts";
import { chooseRuntimeDirectory, removeUnusedRuntimeDirectory } from "./runtime-directory.ts";
import { ownRuntimeDirectory } from "./runtime-owner.ts";
import { SandboxCare } from "./sandbox-care.ts";
import { DEFAULT_SANDBOX_SETTINGS, readSandboxSettings, type SandboxSettings } from "./sandbox-flags.ts";
import { tlsOf } from "./tls-flags.ts";
import { makeWorkDirectory, removeNewWorkDirectory } from "./work-directory.ts";

/** Launches under way at once for each processor: enough to keep them busy while some wait for the disk. */
const LAUNCHES_PER_CPU = 2;
/** Given to HTTP answers under way at the end. */
const HTTP_GRACE_MS = 500;

export interface AgentFlags extends InfoFlags, RuntimeFlags, WatchSettings {
  /** Left out: links are plain TCP. */
  readonly tls?: LinkTls | undefined;
  readonly workDir: string;
  /** Shown by /files as /slave/log. */
  readonly logFile?: string | undefined;
  /** Left out: all that the machine has, unless `resources` says so. */
  readonly gpuDevices?: readonly number[] | undefined;
  /** Left out: any. */
  readonly reconfigurationPolicy?: ReconfigurationPolicy;
  /** Left out: tasks on the machine's network have no IPv6 address. */
  readonly ip6?: string;
  /** Left out: the defaults. */
  readonly executorTimes?: ExecutorTimes;
  /** Left out: executors are given no tokens. */
  readonly executorAuthentication?: ExecutorAuthentication | undefined;
  readonly registrationBackoffMs?: number;
  readonly executorVariables?: readonly (readonly [name: string, value: string])[];
  /** Left out: the defaults. */
  readonly sandboxes?: SandboxSettings;
  /** Left out: the defaults. */
  readonly recovery?: RecoverySettings;
  /** As /flags shows them. */
  readonly effective: Readonly<Record<string, string>>;
  /** Flag that sets the port, for error messages. */
  readonly portFlag: string;
  readonly directoryFlag: string;
}

export interface RunningAgent {
  readonly url: string;
  readonly agent: Agent;
  /** Ends the process's part; tasks live on. */
  stop(): Promise<void>;
}

export async function runAgent(flags: Flags): Promise<number> {
  const read = readFlags(flags);
  const hostname = await ownHostname(flags, agentIp(read));
  const tls = await tlsOf(flags, "agent");
  const logger = daemonLogger(flags, "agent");
  warnOfExposedKey(read.executorAuthentication, logger.log);
  const running = await startAgent({ ...read, hostname, tls, logFile: shownLog(flags, logger) }, logger);
  // As in Mesos: the agent ends its tasks, leaves the cluster and stops (AGT-26).
  process.on("SIGUSR1", () => running.agent.unregister());
  if (read.recovery?.cleanup === true) void cleanUp(running.agent);
  const outcome = await Promise.race([stopSignal(), running.agent.ended]);
  await running.stop();
  if (typeof outcome === "string" || !outcome.failed) return 0;
  process.stderr.write(`mesh: ${outcome.reason}\n`);
  return 1;
}

function readFlags(flags: Flags): AgentFlags {
  checkAgentFeatures(flags);
  return {
    masters: flags.addresses("master", 5050),
    ...readAddressFlags(flags),
    hostname: undefined,
    workDir: flags.text("work-dir"),
    resources: flags.optional("resources"),
    gpuDevices: readGpuDevices(flags),
    defaultRole: flags.text("default-role"),
    oversubscribed: flags.optional("oversubscribed-resources"),
    attributes: flags.optional("attributes"),
    domain: domainOf(flags.optional("domain")),
    reconfigurationPolicy: readPolicy(flags),
    isolate: readIsolation(flags),
    cgroups: readCgroupSettings(flags),
    containers: readContainerPolicy(flags),
    networks: readNetworkFlags(flags),
    ports: readPortSettings(flags),
    load: readLoadSettings(flags),
    registrationBackoffMs: flags.duration("registration-backoff-factor"),
    images: readImageSettings(flags),
    executorVariables: readExecutorVariables(flags),
    fetcher: readFetcherFlags(flags),
    executorTimes: readExecutorTimes(flags),
    executorAuthentication: readExecutorAuthentication(flags),
    confinement: readConfinement(flags),
    sandboxes: readSandboxSettings(flags),
    recovery: readRecoverySettings(flags),
    effective: flags.effective(),
    portFlag: "--port",
    directoryFlag: "--work-dir",
  };
}

function readPolicy(flags: Flags): ReconfigurationPolicy {
  const value = flags.text("reconfiguration-policy");
  const policy = RECONFIGURATION_POLICIES.find((one) => one === value);
  if (policy === undefined)
    throw badFlag("reconfiguration-policy", value, RECONFIGURATION_POLICIES.join(", "));
  return policy;
}

export function readIsolation(flags: Flags): boolean {
  const isolation = flags.text("isolation");
  if (isolation !== "auto" && isolation !== "posix") throw badFlag("isolation", isolation, "auto or posix");
  return isolation === "auto";
}

/** Reads the checkpoint, opens the port and begins to look for the leader. */
export async function startAgent(flags: AgentFlags, logger: Logger): Promise<RunningAgent> {
  const directory = makeWorkDirectory(flags.workDir, flags.directoryFlag);
  try {
    return await startIn(directory.path, flags, logger);
  } catch (error) {
    await removeNewWorkDirectory(directory);
    throw error;
  }
}

async function startIn(workDir: string, flags: AgentFlags, logger: Logger): Promise<RunningAgent> {
  const { log } = logger;
  const machine = inspectMachine(workDir);
  const { info, forRuntime } = offerOf(flags, machine, workDir, log);
  const { strict = true } = flags.recovery ?? {};
  const store = await openCheckpoint(checkpointDirectory(workDir), strict, log);
  const runDirectory = chooseRuntimeDirectory(workDir);
  const opening = openRuntime(forRuntime, info, workDir, runDirectory, log);
  const opened = await opening.catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const { runtime, images } = opened;
  const edge = lateHandler();
  let server: HttpServer;
  try {
    const { ip: hostname, port, portFlag } = flags;
    server = serve({ hostname, port, portFlag, fetch: edge.handle, endlessBodies: true });
  } catch (error) {
    await runtime.close();
    await store.close();
    throw error;
  }
  const port = flags.advertise === undefined ? server.port : splitAddress(flags.advertise).port;
  const config = agentConfig(flags, opened, { ...info, port }, workDir, machine.bootId);
  const options = {
    config,
    flags: flags.effective,
    maxLaunches: LAUNCHES_PER_CPU * availableParallelism(),
    reconfigurationPolicy: flags.reconfigurationPolicy ?? "any",
    strict,
    onExit: (containerId: string) => care.exited(containerId),
    moreMetrics: () => ({ ...care.metrics(), ...watches.metrics() }),
    ...(flags.logFile === undefined ? {} : { logFile: flags.logFile }),
  };
  const agent = new Agent(options, agentDrivers(flags, runtime, store, config), systemRandom(), log);
  const settings = flags.sandboxes ?? DEFAULT_SANDBOX_SETTINGS;
  const care = new SandboxCare({ port: agent, workDir, runtime, settings, log, ...disksOf(opened) });
  const api = agentApi({
    port: agent,
    build: buildInfo(),
    verbosity: logger.verbosity,
    clock: apiClock,
    log,
    containerStatistics: (containerId) => statisticsOf(containerId, runtime, care),
    ...edgeOptions(flags, images),
    neverIdle: (request) => server.neverIdle(request),
  });
  edge.serve(api);
  await agent.start();
  ownRuntimeDirectory(runDirectory, realpathSync(workDir), runtime.capabilities.cgroupRoot, log);
  care.start();
  const watches = startWatches(flags, { port: agent, runtime, log });
  images?.gc?.start();
  const url = `http://${hostPort(config.ip, config.port)}`;
  log.info("Agent started", { url, workDir, masters: flags.masters.join(",") });
  return {
    url,
    agent,
    stop: async () => {
      await server.stop(HTTP_GRACE_MS);
      await care.stop();
      await watches.stop();
      images?.gc?.stop();
      await agent.close();
      removeUnusedRuntimeDirectory(runDirectory);
      logger.close();
    },
  };
}

function edgeOptions(
  { executorAuthentication }: AgentFlags,
  images: OpenedRuntime["images"],
): Pick<AgentContext, "pruneImages" | "checkExecutorToken"> {
  const pruning = images && { pruneImages: (excluded: readonly string[]) => images.store.prune(excluded) };
  return { ...pruning, ...executorCheck(executorAuthentication) };
}

/** What the agent says of itself, and the GPUs in it. Throws MeshError BAD_FLAG. */
function offerOf(flags: AgentFlags, machine: Machine, workDir: string, log: Log) {
  const found = findGpus(flags);
  if (found.warning !== undefined) log.warn(found.warning);
  const info = agentInfo(flags, { ...machine, gpus: found.detected }, workDir);
  const gpus = agreedGpus(found, info.resources ?? [], flags.gpuDevices);
  return { info, forRuntime: { ...flags, gpus } };
}

function disksOf({ images, diskQuotas: projects }: OpenedRuntime) {
  return { images: images?.store, projects };
}

async function statisticsOf(containerId: string, runtime: Runtime, care: SandboxCare) {
  const used = await runtime.statistics(containerId);
  return used && { ...used, ...care.diskStatistics(containerId) };
}

function pick({ maxCompletedExecutors, recoveryTimeoutMs }: RecoverySettings) {
  return { maxCompletedExecutors, recoveryTimeoutMs };
}

function agentConfig(
  flags: AgentFlags,
  { runtime: { capabilities }, images }: OpenedRuntime,
  info: AgentInfo & { readonly port: number },
  workDir: string,
  bootId: string,
): AgentConfig {
  const { outputs } = flags.sandboxes ?? DEFAULT_SANDBOX_SETTINGS;
  return {
    info,
    ip: agentIp(flags),
    ...(flags.ip6 === undefined ? {} : { ip6: flags.ip6 }),
    port: info.port,
    version: MESOS_API_VERSION,
    workDir,
    bootId,
    switchUser: capabilities.switchUser && flags.recovery?.switchUser !== false,
    ...(flags.recovery === undefined ? {} : pick(flags.recovery)),
    commandChecks: capabilities.commandChecks === true,
    ...(images === undefined ? {} : { images: { sandboxDirectory: images.sandboxDirectory } }),
    ...(flags.containers === undefined ? {} : { containers: flags.containers }),
    ...(flags.executorTimes === undefined ? {} : { executorTimes: flags.executorTimes }),
    ...executorToken(flags.executorAuthentication),
    ...(flags.executorVariables === undefined ? {} : { executorVariables: flags.executorVariables }),
    ...(flags.registrationBackoffMs === undefined
      ? {}
      : { registrationBackoffMs: flags.registrationBackoffMs }),
    ...(outputs === undefined ? {} : { outputs }),
  };
}

function agentDrivers(
  flags: AgentFlags,
  runtime: Runtime,
  store: AgentDrivers["store"],
  { info, workDir }: Pick<AgentConfig, "info" | "workDir">,
): AgentDrivers {
  const finder = new LeaderFinder(flags.masters.map(splitAddress));
  return {
    now,
    runtime,
    store,
    findLeader: () => finder.find(),
    openLink: (leader, events) => openLink(leader, events, info.hostname, flags.tls),
    linkLatest,
    followOutput: (files, ended) => new FollowedOutput(files, ended),
    removeSandbox: (path) => removeSandbox(workDir, path),
    removeVolume,
  };
}
