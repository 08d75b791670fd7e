/**
 * An executor on the npm package mesos-framework as it is published. A task is a
 * child process that runs its data as a shell script. What the package leaves to
 * its users is here: to subscribe again when the agent went away, and to send
 * again what the agent did not acknowledge. (The package's own update call does
 * the first sending, its own subscribe the first subscription and every later one.)
 */
"use strict";
const { randomBytes } = require("node:crypto");
const { spawn } = require("node:child_process");
const { Executor } = require("mesos-framework");

const RETRY_MS = 300;
/** The package prints every event; that is for the sandbox. */
const children = new Map();
/** By uuid, in the order made. */
const unacknowledged = new Map();
let subscribed = false;
let ending = false;

function update(taskId, state, message) {
  const uuid = randomBytes(16).toString("base64");
  const status = { task_id: { value: taskId }, state, source: "SOURCE_EXECUTOR", uuid, message };
  unacknowledged.set(uuid, status);
  if (subscribed) executor.update(status);
}

function launch(task) {
  const id = task.task_id.value;
  const script = Buffer.from(task.data ?? "", "base64").toString();
  const child = spawn("/bin/sh", ["-c", script], { stdio: "inherit" });
  children.set(id, child);
  update(id, "TASK_RUNNING", `pid ${child.pid}`);
  child.on("exit", (code) => {
    children.delete(id);
    update(id, child.asked ? "TASK_KILLED" : code === 0 ? "TASK_FINISHED" : "TASK_FAILED", `status ${code}`);
  });
}

const executor = new Executor({
  handlers: {
    // In capitals and with one parameter, or the package takes no notice of them.
    SUBSCRIBED: (_) => {
      subscribed = true;
      for (const status of unacknowledged.values()) executor.update(status);
    },
    LAUNCH: ({ task }) => launch(task),
    KILL: ({ task_id }) => {
      const child = children.get(task_id.value);
      if (child === undefined) return;
      child.asked = true;
      child.kill("SIGKILL");
    },
    ACKNOWLEDGED: ({ uuid }) => unacknowledged.delete(uuid),
    MESSAGE: ({ data }) => executor.message(`heard ${Buffer.from(data, "base64")}`),
    ERROR: (_) => {},
    SHUTDOWN: (_) => {
      ending = true;
      process.exit(7);
    },
  },
});

executor.on("error", (error) => {
  const text = String(error.message ?? error);
  process.stderr.write(`${text}\n`);
  const gone = text.includes("connection was closed") || text.includes("problem with the request");
  if (!gone || ending) return;
  subscribed = false;
  setTimeout(() => executor.subscribe(), RETRY_MS);
});
executor.subscribe();
