/**
 * Every bound of the program, with its unit in the name and its reason beside
 * it. Relations between bounds are asserted at import.
 */
import { assert } from "./assert.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Largest msgpack frame between masters, and between master and agent. */
export const FRAME_MAX_BYTES = 16 * MIB;
/** Largest HTTP request body read whole. Mesos has no limit; a group of 1,000 tasks is below 2 MiB. */
export const REQUEST_BODY_MAX_BYTES = 8 * MIB;
/**
 * A connection on which nothing moved for so long is closed (Bun takes at most 255 s): clients that
 * vanished and bodies that never come would keep their file descriptors for ever. Event streams
 * are never as silent, they have a heartbeat each 15 s; those of executors, on the same machine, are exempt.
 */
export const HTTP_IDLE_TIMEOUT_S = 240;
/** All request bodies that are being read, together: what slow clients can make a process hold. */
export const BODIES_MAX_BYTES = 256 * MIB;
/** Largest RecordIO record sent: mesos-go's reader takes at most 4 MiB. */
export const RECORD_MAX_BYTES = 4 * MIB;
/** Encoded commands in one log entry: keeps one entry within one frame beside its header. */
export const ENTRY_MAX_BYTES = 4 * MIB;
/** Entry bytes in one append message to a follower. */
export const APPEND_MAX_BYTES = 4 * MIB;
/** Inputs waiting for a core; beyond it HTTP answers 503 and TCP reading pauses. */
export const INBOX_MAX_INPUTS = 100_000;
/** Of these, calls of one framework; beyond it that framework is answered 503 and the others go on. */
export const WAITING_CALLS_PER_FRAMEWORK_MAX = 5_000;
/** Time a request waits for its commit; then it is answered 503: it may have taken effect or not. */
export const REQUEST_WAIT_MAX_MS = 10_000;
/** A master's turn takes no more inputs after this time, so that sockets and timers get their share. */
export const TURN_MAX_INPUT_MS = 5;
/** For so long a turn of a master tells clients what it led to; the rest waits for the next turn. */
export const TURN_MAX_TELL_MS = 5;
/** Processor time that the decisions of a master's turn should take beside its inputs (turn-share.ts). */
export const TURN_DECIDE_AIM_MS = 4;
/** Part of the bounds below that a turn has in any case: less makes turns that cost more than they do. */
export const TURN_SHARE_MIN = 1 / 16;
/** Inputs handled in one turn of an agent, so that timers and sockets get their share. */
export const TURN_MAX_INPUTS = 2_000;
/** Tasks and other records that the commands of one log entry change: it is applied without a break. */
export const ENTRY_MAX_CHANGES = 256;
/** Changes that a master applies in one turn, and those of one entry more at most. */
export const TURN_MAX_CHANGES = 256;
/** Deadlines that a master handles in one turn: after a failover those of all agents come at once. */
export const TURN_MAX_DEADLINES = 200;
/** Agents that a master's allocator gives away in one turn: some microseconds each, and an offer for each. */
export const TURN_MAX_VISITS = 500;
/** As many it visits in any case: each turn puts all that wait in order, however few it then visits. */
export const TURN_MIN_VISITS = 100;
/** Items of long work (src/master/later.ts) that a master handles in one turn. */
export const TURN_MAX_ITEMS = 200;
/** Tasks, offers or the like in one part of long work: a few milliseconds. */
export const PART_MAX_ITEMS = 100;
/** Inputs that waited for a new leader's memory and are handled in one turn. */
export const TURN_MAX_HELD_INPUTS = 100;
/** Of the agent: a turn takes no more inputs after this time, so that its HTTP API answers under load. */
export const AGENT_TURN_MAX_MS = 10;
/** Updates of one task of an executor that its framework has not acknowledged; beyond it they are refused. */
export const EXECUTOR_UPDATES_MAX = 256;
/** The same in bytes: with each update all that wait are written to the disk again. */
export const EXECUTOR_UPDATES_MAX_BYTES = 8 * MIB;
/** Newest updates of such a task that are known when an executor sends them again. */
export const EXECUTOR_UPDATE_IDS_MAX = 32;
/** Between two heartbeats to an executor, as in Mesos: some client libraries do not know that event. */
export const EXECUTOR_HEARTBEAT_MS = 30 * 60_000;
/** Launches and messages that one step of the agent's core begins when a write is through. */
export const AGENT_DEFERRED_PER_STEP_MAX = 50;
/** Bytes queued for a stream whose reader is slow, before it is closed. */
export const STREAM_QUEUE_MAX_BYTES = 32 * MIB;
/** Completed frameworks kept (Mesos master/constants.hpp: 50). */
export const COMPLETED_FRAMEWORKS_MAX = 50;
/** Ids of removed agents kept to refuse one that comes back (Mesos --registry_max_agent_count: 102,400). */
export const REMOVED_AGENTS_MAX = 102_400;
/** Completed tasks kept for each framework (Mesos: 1000). */
export const COMPLETED_TASKS_PER_FRAMEWORK_MAX = 1_000;
/** Unreachable tasks of one framework in views (Mesos: 1000); the registry has all of them. */
export const UNREACHABLE_TASKS_SHOWN_DEFAULT = 1_000;
/** Most that flags may ask for: history is in memory, and each task takes a kilobyte or two. */
export const HISTORY_FRAMEWORKS_MAX = 10_000;
export const HISTORY_TASKS_PER_FRAMEWORK_MAX = 100_000;
/** Statuses in a task's record, which is written whole with each update; tasks have some five. */
export const TASK_STATUSES_MAX = 20;
/** A status that is not the newest of its task loses its data above this: most have a third of it. */
export const TASK_STATUS_WHOLE_MAX_BYTES = KIB;
/** Longest task, framework, executor and agent id in characters (Mesos common/validation.cpp). */
export const ID_MAX_CHARS = 255;
/**
 * Longest role in characters; Mesos has no limit. With each level come the ones above it: tens of thousands
 * would take a turn too long, and no stack holds them.
 */
export const ROLE_MAX_CHARS = 1_024;

/** Entry bytes sent to one follower and not yet acknowledged. */
export const RAFT_INFLIGHT_MAX_BYTES = 16 * MIB;
/** Append messages to one follower not yet acknowledged; bounds memory when entries are tiny. */
export const RAFT_INFLIGHT_MAX_MESSAGES = 256;
/** Entry bytes of an append message with what is committed already: a large one holds up what is new. */
export const RAFT_CATCH_UP_APPEND_MAX_BYTES = 256 * KIB;
/** The same in flight: nobody waits for them, so they may not fill the links and the turns of the masters. */
export const RAFT_CATCH_UP_INFLIGHT_MAX_BYTES = MIB;
/** Entry bytes proposed and not yet committed; beyond it proposals are refused. */
export const RAFT_UNCOMMITTED_MAX_BYTES = 64 * MIB;
/** Entry bytes a master keeps in memory; older ones are read from disk for a follower that lags. */
export const RAFT_LOG_MEMORY_MAX_BYTES = 64 * MIB;
/** Applied entries kept on disk, so that a follower that was away briefly needs no snapshot. */
export const RAFT_LOG_KEEP_ENTRIES = 20_000;
/** Entry bytes appended since the last compaction that force the next one. */
export const RAFT_LOG_GROWTH_MAX_BYTES = 256 * MIB;
/** Zeros appended to LevelDB's write-ahead file at a time; a sync that meets them takes a little longer. */
export const WAL_ROOM_MAX_BYTES = MIB;
/** Bytes of writes without a sync of their own, held back to ride with the next synced one. */
export const STORE_DEFERRED_MAX_BYTES = 4 * MIB;
/** Changes of the state held back to be written together; one such batch takes a few milliseconds. */
export const STATE_HELD_MAX_BYTES = 512 * KIB;
/** Longest time such a write or change waits. */
export const STORE_DEFERRED_MAX_MS = 1_000;
/**
 * Free bytes that a master whose disk was full waits for before it writes
 * again: its database first rewrites a log file of up to 4 MiB.
 */
export const STORE_ROOM_MIN_BYTES = 12 * MIB;
/** Digests of the registry a master remembers, one an entry: leaders ask for one a moment old. */
export const DIGEST_HISTORY_MAX_ENTRIES = 4_096;
/** Distance of its looks for room. */
export const STORE_ROOM_CHECK_MS = 500;
/** State bytes in one message of a snapshot transfer: a leader reads and sends it in a millisecond. */
export const SNAPSHOT_CHUNK_MAX_BYTES = 256 * KIB;
/** Masters in one cluster, learners included; each gets the whole log from the leader. */
export const RAFT_MEMBERS_MAX = 9;
/** Entries a learner may lag behind the leader when it becomes a voter; they are sent in a moment. */
export const PROMOTE_LAG_MAX_ENTRIES = 1_000;
/** Ids of removed members that the membership remembers. */
export const RAFT_REMOVED_MAX = 100;
/** Linearisable reads waiting for their confirmation. */
export const RAFT_READS_MAX = 10_000;
/** Bytes queued for one link; beyond it a message is refused (raft repeats its own). */
export const LINK_QUEUE_MAX_BYTES = 32 * MIB;
/** Of these, what may be taken by messages between frameworks and executors, which may be lost. */
export const LINK_MESSAGES_MAX_BYTES = 12 * MIB;
/** Time in one turn of a master's event loop for what its links bring and write; raft's are never kept. */
export const LINKS_TURN_MS = 4;
/** Bytes of one link that wait for such a turn, before its sender has to wait: about one read of a socket. */
export const LINK_UNREAD_MAX_BYTES = 512 * KIB;
/** Silence of a link after which the other side is asked for a sign of life, at most twice this. */
export const LINK_PING_INTERVAL_MS = 5_000;
/** Silence after which a link is given up: its machine is gone, or nothing gets through. */
export const LINK_SILENCE_MAX_MS = 20_000;
/** Time the other side of a link that ends has to read what was sent before. */
export const LINK_END_TIMEOUT_MS = 5_000;
/** Time a new connection has for its first frame. */
export const HELLO_TIMEOUT_MS = 5_000;
/** Largest first frame of a link; --peers of a hello have a few hundred bytes. */
export const HELLO_MAX_BYTES = 64 * KIB;
/** Levels of arrays and maps in a msgpack value: the deepest message mesh builds has below 40. */
export const MSGPACK_MAX_DEPTH = 128;
/** Levels of a message that holds itself (ContainerID.parent) in JSON input; protobuf allows 100. */
export const MESSAGE_MAX_DEPTH = 100;
/** Completed tasks an agent shows in /state, of all frameworks: each is read anew for each answer. */
export const AGENT_COMPLETED_TASKS_MAX = 2_000;
/** Completed executors of frameworks an agent shows in /state, of all frameworks together. */
export const AGENT_COMPLETED_EXECUTORS_MAX = 1_000;
/** Largest --max-completed-executors-per-framework; beyond, the bounds on all frameworks count. */
export const COMPLETED_EXECUTORS_FLAG_MAX = 10_000;
/** Frameworks with completed tasks that an agent shows (Mesos slave/constants.hpp). */
export const AGENT_COMPLETED_FRAMEWORKS_MAX = 50;
/** Completed tasks of one executor that an agent shows (Mesos slave/constants.hpp). */
export const COMPLETED_TASKS_PER_EXECUTOR_MAX = 200;
/** Statuses an agent keeps to show for one task; Mesos keeps all, which health checks make endless. */
export const AGENT_STATUSES_PER_TASK_MAX = 10;
/** Tasks that an agent holds records of at once; one RegisterAgent frame must carry them all. */
export const AGENT_TASKS_MAX = 10_000;
/**
 * One encoded TaskInfo, FrameworkInfo, AgentInfo or TaskStatus: the command around it must fit a log entry.
 */
export const BLOB_MAX_BYTES = 2 * MIB;
/** Longest key of a note in UTF-8: a path of ids. */
export const NOTE_KEY_MAX_BYTES = 512;
/** Largest value of a note: state of a framework, not its files. */
export const NOTE_VALUE_MAX_BYTES = 256 * KIB;
/** Ends of operations that one framework may leave unacknowledged; they are repeated until then. */
export const OPERATIONS_PER_FRAMEWORK_MAX = 1_000;
/** Names of operators' changes in an agent's record: one asked for again is not done again. */
export const AGENT_REQUESTS_MAX = 32;
/** Different reservations and volumes on one agent: its record is written whole with each change. */
export const AGENT_RESOURCES_MAX_ENTRIES = 2_000;
/** Bytes of those with their labels: the record, with its AgentInfo, must be readable as one frame. */
export const AGENT_RESOURCES_MAX_BYTES = 4 * MIB;
/** Keys and values of all notes together; every master keeps them in memory. */
export const NOTES_MAX_BYTES = 64 * MIB;
/** Notes of a cluster; keeps listing them cheap. */
export const NOTES_MAX_COUNT = 100_000;

assert(
  // Names of volumes are in the record twice.
  BLOB_MAX_BYTES + 2 * AGENT_RESOURCES_MAX_BYTES + MIB <= FRAME_MAX_BYTES,
  "The record of an agent with all that operations may make of it must fit a frame",
);
assert(
  2 * BLOB_MAX_BYTES <= ENTRY_MAX_BYTES,
  "A command with one blob must fit a log entry with room for its ids",
);
assert(ENTRY_MAX_BYTES < FRAME_MAX_BYTES, "A log entry must fit a frame");
/** One task in a registration: two ids of up to three bytes a character, and 120 bytes of the rest. */
export const AGENT_TASK_REPORT_MAX_BYTES = 2 * 3 * ID_MAX_CHARS + 120;
/** Tasks and executors of one agent in its registration, which must fit a frame with its AgentInfo. */
export const AGENT_REPORT_MAX_BYTES = FRAME_MAX_BYTES - 64 * KIB;
assert(
  AGENT_TASKS_MAX * AGENT_TASK_REPORT_MAX_BYTES < FRAME_MAX_BYTES,
  "A registration must fit a frame, however many tasks the agent has",
);
assert(APPEND_MAX_BYTES + ENTRY_MAX_BYTES < FRAME_MAX_BYTES, "An append message must fit a frame");
assert(SNAPSHOT_CHUNK_MAX_BYTES + ENTRY_MAX_BYTES < FRAME_MAX_BYTES, "A snapshot chunk must fit a frame");
assert(
  FRAME_MAX_BYTES + LINK_MESSAGES_MAX_BYTES < LINK_QUEUE_MAX_BYTES,
  "A link queue must take a whole frame beside what may be lost",
);
assert(REQUEST_BODY_MAX_BYTES < LINK_MESSAGES_MAX_BYTES, "The largest message of a framework must fit");
assert(RAFT_INFLIGHT_MAX_BYTES < LINK_QUEUE_MAX_BYTES, "Appends in flight must fit the link queue");
/**
 * Time from the spawn of a container's supervisor to the execution of its program; measured 3 ms, so this
 * means trouble.
 */
export const CONTAINER_START_TIMEOUT_MS = 30_000;
/**
 * Time that SIGKILL may take to be felt by every process of a container before the kill is reported as
 * failed.
 */
export const CONTAINER_KILL_TIMEOUT_MS = 20_000;
/**
 * Distance of the slow checks of containers that a previous agent process started, beside their exit records.
 */
export const CONTAINER_SWEEP_INTERVAL_MS = 2_000;
/** After an agent's start, before what a killed one left in containers is looked for: it answers first. */
export const LEFT_BEHIND_DELAY_MS = 1_000;
/** Linux takes at most 32 pages in one argument or environment string (MAX_ARG_STRLEN, execve(2)). */
export const ARGUMENT_MAX_BYTES = 128 * KIB - 1;
/** Largest file that is fetched into a sandbox. */
export const FETCH_MAX_BYTES = 64 * 1024 * MIB;
/** A download that brings nothing for so long is given up (Mesos --fetcher_stall_timeout: 1 min). */
export const FETCH_STALL_TIMEOUT_MS = 60_000;
/** Time that long answers may take in one turn of a master's event loop: well below the 50 ms of a turn. */
export const ANSWER_SLICE_MS = 10;
/** Shortest HTTP answer that is compressed (libprocess: GZIP_MINIMUM_BODY_LENGTH). */
export const GZIP_MIN_BYTES = 1_024;
/** Smallest size at which a log file of a container begins anew: a page, as in Mesos' logrotate module. */
export const OUTPUT_SIZE_MIN_BYTES = 4 * KIB;
/** Log files that are rotated at once: each is a copy on the disk. */
export const OUTPUT_ROTATIONS_UNDER_WAY_MAX = 2;
/** Earlier parts of a log file that are kept at most. */
export const OUTPUT_PARTS_MAX = 1_000;
/** Ended sandboxes that an agent keeps in mind for their removal; beyond, it reads the disk again. */
export const SANDBOX_GC_KNOWN_MAX = 50_000;
/** Entries of a directory in one answer of /files/browse: some 20 MiB of JSON. */
export const FILES_LISTED_MAX = 100_000;
/** Bytes of a file in one answer of /files/read: 16 pages, as Mesos. */
export const FILE_READ_MAX_BYTES = 64 * KIB;
/** Operator event streams at once; the oldest gives way (Mesos --max_operator_event_stream_subscribers). */
export const OPERATOR_STREAMS_MAX = 1_000;
/** Tasks in one answer of /tasks unless `limit` says otherwise (Mesos master/constants.hpp). */
export const TASKS_ANSWER_DEFAULT = 100;
/**
 * Piece of memory for tasks as they were stored: small, because one task keeps the whole piece; large enough
 * that pieces cost nothing.
 */
export const STORED_TASKS_PIECE_BYTES = 64 * KIB;
/** Roles with a weight, and roles with quota: their records are read whole at a start. */
export const ROLE_SETTINGS_MAX = 100_000;
/** Resources of stored tasks that a leader remembers by their bytes: tasks are of few kinds. */
export const KNOWN_RESOURCES_MAX = 4_096;
/** Longer ones, with many reservations, are read each time. */
export const KNOWN_RESOURCES_MAX_BYTES = 1_024;
/**
 * Different regular expressions in the offer constraints of one framework: each is compiled, and tried on
 * every agent.
 */
export const CONSTRAINT_PATTERNS_MAX = 200;
/** Attribute constraints of one framework, over all roles and groups. */
export const ATTRIBUTE_CONSTRAINTS_MAX = 2_000;
/** Frameworks named as being before one in the fair order: enough to see who, whatever the cluster's size. */
export const FORERUNNERS_MAX = 10;
/** Agents that one command forgets: with them go their tasks, and an entry is applied without a break. */
export const FORGET_AGENTS_MAX = 16;
/** Memory limit of any container: with less a shell may not start (Mesos MIN_MEMORY, isolators/cgroups). */
export const CONTAINER_MEMORY_MIN_BYTES = 32 * 1_024 * KIB;
/** memory.stat in the status of a task that broke its memory limit: about twice what Linux 6.1 writes. */
export const MEMORY_STATISTICS_MAX_CHARS = 4 * KIB;

assert(
  WAITING_CALLS_PER_FRAMEWORK_MAX * 10 <= INBOX_MAX_INPUTS,
  "One framework must leave most of the inbox to others",
);
/** Shortest time between two checks of one task; Mesos would run them back to back. */
export const CHECK_INTERVAL_MIN_MS = 100;
/** Longest delay, interval, timeout and grace period of a check: a year is for ever. */
export const CHECK_TIME_MAX_MS = 366 * 86_400_000;
/** Commands that check containers under way at once: each is a few processes. The others wait their turn. */
export const COMMAND_CHECKS_UNDER_WAY_MAX = 256;
/** Checks over the network under way at once: each has a file descriptor. The others wait their turn. */
export const NETWORK_CHECKS_UNDER_WAY_MAX = 2_000;
/** Head of an HTTP answer to a check; servers themselves take no more from clients. */
export const CHECK_ANSWER_HEAD_MAX_BYTES = 64 * KIB;
/** Redirects that an HTTP check follows. curl, which Mesos runs, follows 50 and nobody needs them. */
export const CHECK_REDIRECTS_MAX = 20;
/** A plugin that joins a container to its network, or takes it out, and takes longer is ended. */
export const NETWORK_PLUGIN_TIMEOUT_MS = 60_000;
/** One that is no longer wanted may come to its end for so long: ended halfway, it forgets what it took. */
export const NETWORK_PLUGIN_GRACE_MS = 2_000;
/** The output of one that has ended is over when nothing came for so long: a daemon may hold it open. */
export const NETWORK_PLUGIN_SILENCE_MS = 200;
/** What such a plugin may say; results are a few kilobytes. */
export const NETWORK_PLUGIN_OUTPUT_MAX_BYTES = 1_024 * KIB;
/** Plugins at once: many wait for the same lock of iptables. The others wait their turn. */
export const NETWORK_PLUGINS_UNDER_WAY_MAX = 16;
/** Until what a plugin could not undo is tried again. */
export const NETWORK_DETACH_RETRY_MS = 30_000;
/** A network's description in a file. */
export const NETWORK_CONFIG_MAX_BYTES = 256 * KIB;
/** Volumes of one container that are mounted: each is a directory made and some processes at the launch. */
export const CONTAINER_VOLUMES_MAX = 1_000;
/** Networks of one container: each is an interface and several programs that run. */
export const CONTAINER_NETWORKS_MAX = 16;
/** Name of an image with registry, tag and digest; docker allows 255 for the repository alone. */
export const IMAGE_NAME_MAX_CHARS = 512;
/** Layers of an image: their names must fit the page that mount(2) takes for options. Docker allows 127. */
export const IMAGE_LAYERS_MAX = 100;
/** Manifest of an image, or index of manifests; registries take no larger ones. */
export const IMAGE_MANIFEST_MAX_BYTES = 4 * MIB;
/** Configuration of an image: holds the history of its making too. */
export const IMAGE_CONFIG_MAX_BYTES = 8 * MIB;
/** One layer of an image as it is sent. */
export const IMAGE_LAYER_MAX_BYTES = 64 * 1_024 * MIB;
/** Downloads of layers under way at once, over all images (docker: 3 for each). */
export const IMAGE_DOWNLOADS_MAX = 4;
/** Tries of one download; each goes on where the last one broke off. */
export const IMAGE_DOWNLOAD_TRIES_MAX = 5;
/** Launches under way at once that wait for images; they take no place from other launches. */
export const IMAGE_LAUNCHES_MAX = 64;
/** Answer of a registry that is no image: a token, an error. */
export const REGISTRY_ANSWER_MAX_BYTES = 1 * MIB;
/** Time for an answer's head of a registry. */
export const REGISTRY_ANSWER_TIMEOUT_MS = 60_000;
/** Redirects of a registry, such as those to the store of its layers. */
export const REGISTRY_REDIRECTS_MAX = 5;
/** Path or attributes of one entry in a layer's archive; Linux takes paths of 4 KiB. */
export const TAR_HEADER_VALUE_MAX_BYTES = 1 * MIB;
/** Content of one layer: a small archive must not fill the disk of every agent. */
export const IMAGE_LAYER_UNPACKED_MAX_BYTES = 256 * 1_024 * MIB;
/** Sessions (mesh exec) of one agent at once: each is some processes and file descriptors. */
export const SESSIONS_MAX = 256;
/** Ended sessions whose exit status an agent remembers for those who ask late; the oldest are forgotten. */
export const ENDED_SESSIONS_MAX = 1_000;
/** Without cgroups: when the silence of what a session left behind ends its output. */
export const SESSION_SILENCE_MAX_MS = 1_000;
/** How long the last words of a container's terminal may take to its sandbox once its programs have ended. */
export const TERMINAL_DRAIN_MAX_MS = 1_000;
/** Between heartbeats of a program's output (Mesos --http_heartbeat_interval). */
export const PROCESS_IO_HEARTBEAT_MS = 30_000;
/** One part of a container's id (Mesos MAX_CONTAINER_ID_LENGTH): it becomes part of file names. */
export const CONTAINER_ID_MAX_BYTES = 242;
/** NAME_MAX of Linux. */
export const FILE_NAME_MAX_BYTES = 255;
/** How deep containers may be inside each other; pid namespaces end at 32 in Linux. */
export const CONTAINER_NESTING_MAX = 32;
/** How long a launch waits for GPUs of containers on their way out; longer than a usual grace period. */
export const GPU_WAIT_MAX_MS = 60_000;
/** Containers inside others by call, with ended ones that nobody removed; each is a record on disk. */
export const NESTED_CONTAINERS_MAX = 4_096;
/** A secret mounted as a file: it is in memory that nothing can be swapped out of. */
export const SECRET_MAX_BYTES = 1 * MIB;
/**
 * How long after an event of a file it is looked at once more. Bun's `fs.watch` tells of one change of a
 * file and drops those of the next millisecond or two (on macOS: oven-sh/bun#39070): the second of two
 * lines written one after the other would be seen by nobody.
 */
export const FILE_EVENT_LOOK_AGAIN_MS = 4;
/** When a task is first told how far the pull of its image is; most are done before. */
export const IMAGE_PROGRESS_FIRST_MS = 5_000;
/** The longest wait before it is told again: each time is a status update. */
export const IMAGE_PROGRESS_MAX_MS = 60_000;
