/**
 * From a plan to the command line of the supervisor. The script text holds no
 * value of a container: those travel as positional parameters and as numbered
 * environment variables, so nothing needs quoting.
 *
 * Things that are so for a reason:
 * - The program runs in the foreground: a background job of a shell without
 *   job control ignores SIGINT and SIGQUIT, and so would the program.
 * - `trap :` and not `trap ''`: caught signals are reset at exec, ignored ones
 *   are inherited. The traps keep signals to a whole group from the shells.
 * - The shell that records is init itself where there is a pid namespace: its
 *   parent can then be unshare(1), and one shell less is executed. init cannot
 *   be killed from inside, and who ends a container kills its other processes
 *   first, so that init still gets to record. When init ends, the kernel ends
 *   what is left. A record counts once its newline is there.
 * - dash reports a death by signal ("Killed") on its own stderr. That goes to
 *   the record and is how 137 and SIGKILL are told apart.
 */
import { assert, present } from "../base/assert.ts";
import { confinementWords, USER_NAMESPACE_FD } from "./confinement.ts";
import { mountScript, type ScriptPart } from "./mounts.ts";
import { networkScript } from "./network-script.ts";
import type { Plan, Step } from "./plan.ts";
import type { PlannedEnvironment } from "./planned-environment.ts";
import { enterRootScript, enterRootWords, type RootEntry, rootEnvironment } from "./root.ts";
import { SECRETS_FD, type SecretFiles, secretScript } from "./secret-files.ts";
import { joiningWords, type NamespaceFiles } from "./shared-namespaces.ts";
import type { Host } from "./tools.ts";

const NO_PART: ScriptPart = { script: "", words: [] };

export interface SupervisorCommand {
  readonly argv: readonly string[];
  /** The whole environment of the shells. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Exit status of the shells when setting up failed before the program was announced. */
export const SETUP_FAILED_STATUS = 125;

/** A shell that fails to set up says which step it was in its messages. */
export const FAILED_STEP_MARK = "mesh: failed step: ";

/** Beginnings of the lines in a container's record; see src/isolation/linux/records.ts. */
export const SUPERVISOR_MARK = "mesh: supervisor ";
export const TASK_MARK = "mesh: task ";
export const STARTED_MARK = "mesh: started";
export const EXIT_MARK = "mesh: exit ";
export const RESOURCES_MARK = "mesh: resources ";
export const LIMITATION_MARK = "mesh: limitation ";
export const GPUS_MARK = "mesh: gpus ";
export const TERMINAL_MARK = "mesh: terminal ";

export const TRAPPED = "HUP INT QUIT ABRT USR1 USR2 PIPE ALRM TERM TSTP TTIN TTOU VTALRM PROF XCPU XFSZ";
export const UNSHARE_FLAGS = {
  pid: "--pid",
  mount: "--mount",
  ipc: "--ipc",
  uts: "--uts",
  net: "--net",
} as const;

/** File descriptor on which the shells hold the sandbox's stderr; 2 is the container's record. */
export const TASK_STDERR_FD = 3;

/** On which the shells hold the task's cgroup while they mount; above USER_NAMESPACE_FD. */
const CGROUP_FD = 5;
/** On which they hold the /dev/shm that they found, while another is mounted over it. */
const SHM_FD = 7;

/**
 * @param recordPath names the container among command lines, for finding it again
 * @param joined of the namespaces that the plan joins
 */
export function supervisorCommand(
  plan: Plan,
  host: Host,
  recordPath: string,
  joined?: NamespaceFiles,
): SupervisorCommand {
  const { shell } = host.tools;
  return {
    argv: [
      ...joiningWords(find(plan, "enter-network")?.path, joined, host),
      ...unshareWords(plan, host),
      shell,
      "-c",
      waitingScript(plan, host),
      hasInit(plan) ? "mesh-init" : "mesh-supervisor",
      recordPath,
      supervisorsCgroup(plan) ?? "",
      taskCgroup(plan) ?? "",
      ...homePart(plan).words,
      ...mountPart(plan, host).words,
      ...rootWords(plan, host),
      ...programOf(plan),
    ],
    environment: { ...shellEnvironment(plan), ...rootVariables(plan) },
  };
}

function rootWords(plan: Plan, host: Host): readonly string[] {
  return find(plan, "enter-root") === undefined ? [] : enterRootWords(host);
}

/** @param entry in place of the plan's */
export function rootVariables(plan: Plan, entry?: RootEntry): Readonly<Record<string, string>> {
  const step = find(plan, "enter-root");
  if (step === undefined) return {};
  const { prefix, variables } = present(
    find(plan, "set-environment"),
    "A plan sets the environment",
  ).environment;
  const renamed = find(plan, "execute")?.argv0 !== undefined;
  return rootEnvironment(entry ?? step.entry, { prefix, variables: variables.length, renamed });
}

/** The program with its arguments, as the scripts take it. */
export function programOf(plan: Plan): readonly string[] {
  const { argv0, argv } = present(find(plan, "execute"), "A plan executes something");
  return argv0 === undefined ? argv : [argv0, ...argv];
}

/** Of the shells: the program's variables, numbered. */
export function shellEnvironment(plan: Plan): Readonly<Record<string, string>> {
  const { environment } = present(find(plan, "set-environment"), "A plan sets the environment");
  return Object.fromEntries(
    environment.variables.map(([name, value], index) => [environment.prefix + index, `${name}=${value}`]),
  );
}

/** Whether the shell that records is in another pid namespace than the host's: its pid 1, or in a pod's. */
function hasInit(plan: Plan): boolean {
  return forks(plan) || find(plan, "join-namespaces")?.namespaces.includes("pid") === true;
}

function forks(plan: Plan): boolean {
  return find(plan, "unshare")?.namespaces.includes("pid") === true;
}

function unshareWords(plan: Plan, host: Host): string[] {
  const step = find(plan, "unshare");
  if (step === undefined) return [];
  const words = [present(host.tools.unshare, "The probe offers namespaces only with unshare")];
  if (forks(plan)) words.push("--fork");
  for (const kind of step.namespaces) words.push(UNSHARE_FLAGS[kind]);
  // What the host unmounts later must not be kept busy by a container.
  if (step.namespaces.includes("mount")) words.push("--propagation", "slave");
  if (step.mountProc) words.push("--mount-proc");
  return words;
}

/** $1 record, $2 cgroup of the waiting, $3 task's cgroup, what the mounts take, then the program. */
function waitingScript(plan: Plan, host: Host): string {
  const ownStat = host.procfs ? "read -r stat </proc/$$/stat" : 'stat="$$ $(ps -o lstart= -p $$)"';
  return lines(
    `trap : ${TRAPPED}`,
    networkPart(plan, host),
    "own_cgroup=$2 cgroup=$3; shift 3",
    supervisorsCgroup(plan) === undefined ? "" : `echo 0 >"$own_cgroup/cgroup.procs" ${orFail("cgroup")}`,
    hasInit(plan) ? "" : `${ownStat} ${orFail("record")}`,
    holdsCgroup(plan) ? `command exec ${CGROUP_FD}>"$cgroup/cgroup.procs" ${orFail("cgroup")}` : "",
    homePart(plan).script,
    mountPart(plan, host).script,
    taskScript(plan, host),
    "status=$?",
    // After what the shell had to say, which may lack its newline.
    `printf "\\n%s\\n" "${EXIT_MARK}$status" >&2`,
    'exit "$status"',
  );
}

function networkPart(plan: Plan, host: Host): string {
  const step = find(plan, "use-network");
  return step === undefined ? "" : networkScript(step.owner, host, orFail("network"));
}

/** Who enters a mount namespace stands at its root. */
function homePart(plan: Plan): ScriptPart {
  const spawn = find(plan, "spawn");
  if (find(plan, "join-namespaces")?.mounts !== true || spawn === undefined) return { script: "", words: [] };
  return { script: `cd -P -- "$1" ${orFail("mount")}\nshift`, words: [spawn.cwd] };
}

function mountPart(plan: Plan, host: Host): ScriptPart {
  const step = find(plan, "mount");
  if (step === undefined) return { script: "", words: [] };
  const mount = word(present(host.tools.mount, "The plan checked for mount"));
  const { fixed, mounts, sandbox, secrets } = step;
  const all = `${mount} --all --fstab "$1" >&2 ${orFail("mount")}\nshift`;
  const fixedPart: ScriptPart =
    fixed === undefined
      ? NO_PART
      : { script: step.keepShm === true ? keepingShm(all, mount) : all, words: [fixed] };
  const secretPart = secrets === undefined ? NO_PART : secretScript(secrets, host, orFail("mount"));
  const part = mountScript(mounts, sandbox, mount, orFail("mount"), secrets?.directory);
  return {
    script: lines(fixedPart.script, secretPart.script, part.script, closing(plan, secrets)),
    words: [...fixedPart.words, ...secretPart.words, ...part.words],
  };
}

/** Over the /dev/shm that is made, the one that was there. */
function keepingShm(making: string, mount: string): string {
  return lines(
    `command exec ${SHM_FD}</dev/shm ${orFail("mount")}`,
    making,
    `${mount} -c --bind /proc/self/fd/${SHM_FD} /dev/shm >&2 ${orFail("mount")}`,
    `exec ${SHM_FD}<&-`,
  );
}

/** What was handed over beside the secrets to be in their place, too. */
function closing(plan: Plan, secrets: SecretFiles | undefined): string {
  if (secrets === undefined) return "";
  const files = [SECRETS_FD];
  if (find(plan, "confine")?.userNamespace !== true) files.push(USER_NAMESPACE_FD);
  if (!holdsCgroup(plan)) files.push(CGROUP_FD);
  return `exec ${files.map((file) => `${file}<&-`).join(" ")}`;
}

/** A subshell: the fork that becomes the program. */
function taskScript(plan: Plan, host: Host): string {
  if (find(plan, "enter-root") !== undefined) return lines("(", oomScore(plan), enterRootScript(), ")");
  const environment = present(find(plan, "set-environment"), "A plan sets the environment").environment;
  const staged = find(plan, "switch-user") !== undefined || find(plan, "confine") !== undefined;
  const words: string[] = [];
  const session = find(plan, "new-session");
  if (session?.terminal === true) words.push(...terminalWords(host));
  else if (session !== undefined) words.push(word(present(host.tools.setsid, "setsid is there")));
  if (staged) words.push(stagedWords(plan, host));
  else words.push(programWords(plan, host, environment));
  return lines(
    "(",
    joinTaskCgroup(plan),
    oomScore(plan),
    announcement(plan, host),
    `exec 2>&${TASK_STDERR_FD} ${TASK_STDERR_FD}>&-`,
    staged ? "" : exportScript(environment),
    `exec ${words.join(" ")}`,
    ")",
  );
}

/** Mounts may make the cgroups read-only: the file is opened before. */
function holdsCgroup(plan: Plan): boolean {
  return taskCgroup(plan) !== undefined && find(plan, "mount") !== undefined;
}

function joinTaskCgroup(plan: Plan): string {
  if (taskCgroup(plan) === undefined) return "";
  if (!holdsCgroup(plan)) return `echo 0 >"$cgroup/cgroup.procs" ${orFail("cgroup")}`;
  return `echo 0 >&${CGROUP_FD} ${orFail("cgroup")}\nexec ${CGROUP_FD}>&-`;
}

/** A session of its own that controls the terminal on standard input. The short option BusyBox has too. */
export function terminalWords(host: Host): string[] {
  return [word(present(host.tools.setsid, "The plan checked for setsid")), "-c"];
}

/** A hint to the kernel for when the whole machine lacks memory: no reason not to start. */
export function oomScore(plan: Plan): string {
  const step = find(plan, "set-oom-score");
  return step === undefined ? "" : `{ echo ${step.adjust} >/proc/self/oom_score_adj; } 2>/dev/null || :`;
}

/**
 * The program as its user, by way of a shell that sets the environment once that user is who it is.
 * @param prologue what that shell does first, without single quotes
 */
export function stagedWords(plan: Plan, host: Host, prologue = ""): string {
  const environment = present(find(plan, "set-environment"), "A plan sets the environment").environment;
  const switchUser = find(plan, "switch-user");
  const confinement = find(plan, "confine") ?? { limits: [], privileges: {}, userNamespace: false };
  const words = confinementWords(confinement, switchUser?.owner, host).map(plainWord);
  const closing = confinement.userNamespace ? `exec ${USER_NAMESPACE_FD}>&-; ` : "";
  const stage = `${closing}${prologue}${exportScript(environment)}; exec ${programWords(plan, host, environment)}`;
  assert(!stage.includes("'"), "The stage script must survive single quotes");
  words.push(word(host.tools.shell), "-c", `'${stage}'`, "mesh-task", '"$@"');
  return words.join(" ");
}

/** What a process sees of itself in a pid namespace says nothing outside of it. */
function announcement(plan: Plan, host: Host): string {
  if (hasInit(plan)) return `echo "${STARTED_MARK}" >&2 ${orFail("record")}`;
  const words = [`"${SUPERVISOR_MARK}$stat"`, `"${TASK_MARK}$self"`, `"${STARTED_MARK}"`];
  return lines(
    host.procfs ? `read -r self </proc/self/stat ${orFail("record")}` : "self=",
    `printf "%s\\n%s\\n%s\\n" ${words.join(" ")} >&2 ${orFail("record")}`,
  );
}

/** `exec` takes these words: env(1) for variables a shell cannot hold, bash for argv[0], then the program. */
function programWords(plan: Plan, host: Host, environment: PlannedEnvironment): string {
  const words: string[] = [];
  const { prefix, byEnv } = environment;
  if (byEnv.length > 0) {
    words.push(word(present(host.tools.env, "The plan checked for env")));
    words.push(...byEnv.map((index) => `-u ${prefix}${index}`));
    words.push(...byEnv.map((index) => `"$${prefix}${index}"`));
  }
  if (find(plan, "execute")?.argv0 !== undefined) {
    // -p: the user's BASH_ENV is meant for the program, not for this shell.
    words.push(word(present(host.tools.bash, "The plan checked for bash")), "-p", "-c");
    words.push('"unset PWD OLDPWD SHLVL; exec -a \\"\\$0\\" \\"\\$@\\""');
  }
  words.push('"$@"');
  return words.join(" ");
}

function exportScript(environment: PlannedEnvironment): string {
  const { prefix, variables, byEnv } = environment;
  const plain = variables.map((_, index) => index).filter((index) => !byEnv.includes(index));
  const commands: string[] = [];
  if (plain.length > 0) commands.push(`export ${plain.map((i) => `"$${prefix}${i}"`).join(" ")}`);
  commands.push(`unset PWD OLDPWD SHLVL ${plain.map((i) => prefix + i).join(" ")}`.trimEnd());
  return commands.join("; ");
}

export function orFail(step: "cgroup" | "network" | "record" | "mount"): string {
  return `|| { echo "${FAILED_STEP_MARK}${step}" >&2; exit ${SETUP_FAILED_STATUS}; }`;
}

/** A path of a program, which the probe accepted only without special characters. */
export function word(path: string): string {
  assert(/^[A-Za-z0-9_/.+-]+$/.test(path), `Program path ${JSON.stringify(path)} needs quoting`);
  return path;
}

/** Options of programs: numbers and names. */
function plainWord(text: string): string {
  assert(/^[A-Za-z0-9_/.,:=+-]+$/.test(text), `Option ${JSON.stringify(text)} needs quoting`);
  return text;
}

export function lines(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("\n");
}

type StepNamed<Name extends Step["do"]> = Extract<Step, { do: Name }>;

function find<Name extends Step["do"]>(plan: Plan, name: Name): StepNamed<Name> | undefined {
  return plan.steps.find((step): step is StepNamed<Name> => step.do === name);
}

function taskCgroup(plan: Plan): string | undefined {
  return plan.steps.find((step) => step.in === "task" && step.do === "join-cgroup")?.path;
}

function supervisorsCgroup(plan: Plan): string | undefined {
  const joins = plan.steps.filter((step) => step.do === "join-cgroup");
  return joins.find((step) => step.in !== "task")?.path;
}
