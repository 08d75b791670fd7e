/** `mesh raft add|promote|remove|transfer`: changes of who the masters are and who leads. */
import { MeshError } from "../base/errors.ts";
import type { RaftStatus } from "../master/port.ts";
import { MasterClient } from "./client/master-client.ts";
import { print } from "./client/output.ts";
import type { ListOptions } from "./list.ts";
import { askRaftStatus } from "./raft-status.ts";

export const RAFT_ACTIONS = ["status", "add", "promote", "remove", "transfer"] as const;
export type RaftAction = (typeof RAFT_ACTIONS)[number];

/**
 * Without a name `add` only says what to start on the new machine. Otherwise
 * `name` is a member's id or raft address, for `add` the HTTP address of a
 * master that waits to be taken in.
 */
export async function changeRaft(
  action: Exclude<RaftAction, "status">,
  name: string | undefined,
  options: ListOptions,
): Promise<void> {
  if (action === "transfer") {
    const leader = await post(options, "transfer", name === undefined ? {} : { to: name });
    await report(options, { action, leader: leader.trim() }, `Master ${leader.trim()} leads now`);
    return;
  }
  if (action === "add" && name === undefined) {
    const command = `mesh master --join ${options.masters.join(",")} --data-dir /var/lib/mesh/master`;
    await report(
      options,
      { action, command },
      `Start on the new machine, with an empty directory:\n\n  ${command}\n\nThen, when 'mesh raft status' shows it up to date: mesh raft promote <its raft address>`,
    );
    return;
  }
  if (name === undefined) {
    throw new MeshError(
      "BAD_FLAG",
      `Missing the member: mesh raft ${action} <member id or raft address>; 'mesh raft status' lists them`,
    );
  }
  if (action === "add") {
    const { id, address, cluster } = await waitingMaster(name);
    await post(options, "add", { id, address, ...(cluster === undefined ? {} : { cluster }) });
    const next = `mesh raft promote ${address}`;
    await report(
      options,
      { action, id, address },
      `Master ${id} at ${address} gets the log now. When it has caught up: ${next}`,
    );
    return;
  }
  await post(options, action, { member: name });
  const done = action === "promote" ? `Master ${name} votes now` : `Master ${name} is no member any more`;
  await report(options, { action, member: name }, done);
}

async function report(options: ListOptions, result: object, text: string): Promise<void> {
  await print(options.json ? JSON.stringify(result, null, 2) : text);
}

/** A master that knows of no cluster, only the name of the one that it is to be in. */
async function waitingMaster(
  address: string,
): Promise<{ readonly id: string; readonly address: string; readonly cluster: string | undefined }> {
  const status: RaftStatus | undefined = await askRaftStatus(address);
  if (status === undefined) {
    throw new MeshError(
      "MASTER_UNREACHABLE",
      `Cannot add the master at '${address}': it does not answer; start it there with --join first, and name its HTTP address`,
    );
  }
  if (status.role !== "joining") {
    throw new MeshError(
      "REQUEST_REFUSED",
      `Cannot add the master at '${address}': it is a ${status.role} of a cluster already; start it with an empty --data-dir`,
    );
  }
  return { id: status.self, address: status.address, cluster: status.cluster };
}

/** The leader's answer to a change; it comes when the change is committed. */
async function post(options: ListOptions, action: string, body: object): Promise<string> {
  const path = `/mesh/raft/${action}`;
  const answer = await new MasterClient(options.masters).post(path, JSON.stringify(body));
  if (answer.status === 200) return answer.text;
  throw new MeshError("REQUEST_REFUSED", answer.text || `POST ${path} was answered ${answer.status}`);
}
