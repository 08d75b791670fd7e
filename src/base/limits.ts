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
/** Largest RecordIO record sent: mesos-go's reader takes at most 4 MiB. */
export const RECORD_MAX_BYTES = 4 * MIB;
/** Encoded commands in one log entry: keeps one entry within one frame beside its header. */
export const ENTRY_MAX_BYTES = 4 * MIB;
/** Entry bytes in one append message to a follower. */
export const APPEND_MAX_BYTES = 4 * MIB;
/** Inputs waiting for a core; beyond it HTTP answers 503 and TCP reading pauses. */
export const INBOX_MAX_INPUTS = 100_000;
/** Inputs handled in one turn, so that timers and sockets get their share. */
export const TURN_MAX_INPUTS = 2_000;
/** Bytes queued for a stream whose reader is slow, before it is closed. */
export const STREAM_QUEUE_MAX_BYTES = 32 * MIB;
/** Completed frameworks kept (Mesos master/constants.hpp: 50). */
export const COMPLETED_FRAMEWORKS_MAX = 50;
/** Completed tasks kept for each framework (Mesos: 1000). */
export const COMPLETED_TASKS_PER_FRAMEWORK_MAX = 1_000;
/** Longest task, framework, executor and agent id in characters (Mesos common/validation.cpp). */
export const ID_MAX_CHARS = 255;

assert(ENTRY_MAX_BYTES < FRAME_MAX_BYTES, "A log entry must fit a frame");
assert(APPEND_MAX_BYTES + ENTRY_MAX_BYTES < FRAME_MAX_BYTES, "An append message must fit a frame");
