/**
 * A small framework on the npm package mesos-framework as it is published:
 * three HTTP servers, kept running. Usage: node scheduler.cjs host:port,…
 * It prints one JSON line an event, and ends after the line "stop" on its
 * standard input.
 *
 * The package itself finds a new leader by redirects of the master it knows,
 * or by a DNS name that always means the leader. Here the masters are a list,
 * so when the connection ends the next one of the list is asked.
 */
"use strict";
const { Scheduler, Mesos } = require("mesos-framework");

const mesos = Mesos.getMesos();
const masters = process.argv[2].split(",").map((address) => address.split(":"));
const ports = process.argv[3].split(",").map(Number);
/** The heartbeat comes every 15 s; the package's own default is 10 s. */
const CONNECTION_TIMEOUT_SECONDS = 25;
const RETRY_MS = 300;

const SERVER =
  "require('http').createServer((_, answer) => answer.end(process.env.NAME + ' ' + process.pid)).listen(Number(process.env.SERVER_PORT), '127.0.0.1')";

function task(name, port) {
  const variables = [
    new mesos.Environment.Variable("NAME", name),
    new mesos.Environment.Variable("SERVER_PORT", String(port)),
  ];
  return {
    instances: 1,
    commandInfo: new mesos.CommandInfo(
      null,
      new mesos.Environment(variables),
      true,
      `exec node -e "${SERVER}"`,
      null,
      null,
    ),
    resources: { cpus: 0.1, mem: 32, ports: 1, disk: 0, staticPorts: [port] },
  };
}

const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const scheduler = new Scheduler({
  masterUrl: masters[0][0],
  port: masters[0][1],
  frameworkName: "servers",
  masterConnectionTimeout: CONNECTION_TIMEOUT_SECONDS,
  frameworkFailoverTimeout: 3600,
  staticPorts: true,
  restartStates: ["TASK_FAILED", "TASK_LOST", "TASK_ERROR", "TASK_KILLED", "TASK_FINISHED"],
  tasks: Object.fromEntries(ports.map((port, i) => [`web${i}`, task(`web${i}`, port)])),
  logging: { path: "logs", fileName: "framework.log", level: "info" },
});

let stopping = false;
let master = 0;

/** The connection is gone, or could not be had: the next master knows who leads. */
function tryNextMaster() {
  if (stopping) return;
  master = (master + 1) % masters.length;
  [scheduler.options.masterUrl, scheduler.options.port] = masters[master];
  scheduler.generateRequestTemplate();
  setTimeout(subscribe, RETRY_MS);
}

function subscribe() {
  scheduler.subscribe();
  const request = scheduler.httpRequest;
  request.once("error", tryNextMaster);
  request.once("response", (answer) => {
    if (answer.statusCode !== 200 && answer.statusCode !== 307) tryNextMaster();
  });
}

// Also after a redirect, for which the package subscribes by itself.
scheduler.on("sent_subscribe", () => {
  scheduler.httpRequest.once("close", () => {
    say({ event: "disconnected" });
    tryNextMaster();
  });
});
scheduler.on("ready", subscribe);
scheduler.on("subscribed", ({ frameworkId }) => say({ event: "subscribed", frameworkId }));
scheduler.on("error", (error) => say({ event: "error", message: error.message ?? String(error) }));
scheduler.on("update", ({ status }) => {
  say({ event: "update", task: status.task_id.value, state: status.state, reason: status.reason ?? null });
});

process.stdin.on("data", (data) => {
  if (!data.toString().includes("stop")) return;
  stopping = true;
  scheduler.once("sent_teardown", () => process.exit(0));
  scheduler.teardown();
});
