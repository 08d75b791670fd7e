/** How each kind of value on disk comes back into the state. */
import { readQuota } from "./apply-roles.ts";
import { Fields } from "./fields.ts";
import { readHistoryBounds } from "./history-bounds.ts";
import { readAgent, readFramework, readOperation, readRemovedAgent, readTask } from "./records.ts";
import type { RegistryState } from "./state.ts";
import { idOfKey, numberOfKey } from "./state-keys.ts";

/** By the first part of the key; tasks are loaded apart (stored-task.ts). */
export const LOADERS: Readonly<Record<string, (state: RegistryState, values: unknown, key: string) => void>> =
  {
    cluster: (state, values) => {
      state.clusterId = new Fields(values, "cluster").text(0);
    },
    digest: () => {},
    framework: (state, values) => {
      const record = readFramework(values);
      state.frameworks.set(record.id, record);
    },
    "completed-framework": (state, values) => {
      const record = readFramework(values);
      state.completedFrameworks.set(record.id, record);
    },
    agent: (state, values) => {
      const record = readAgent(values);
      state.agents.set(record.id, record);
    },
    "removed-agent": (state, values) => {
      const record = readRemovedAgent(values);
      state.removedAgents.set(record.id, record);
    },
    "completed-task": (state, values, key) => {
      const record = readTask(values);
      const completed = state.completed(record.frameworkId);
      const number = numberOfKey(key);
      completed.byNumber.set(number, record);
      completed.nextNumber = Math.max(completed.nextNumber, number + 1);
    },
    operation: (state, values) => state.operations.put(readOperation(values)),
    maintenance: (state, values) => state.maintenance.load(values),
    "history-bounds": (state, values) => {
      state.historyBounds = readHistoryBounds(values);
    },
    note: (state, values, key) => {
      const fields = new Fields(values, "note");
      state.notes.set(idOfKey(key), { value: fields.bytes(0), version: fields.number(1) });
    },
    "note-version": (state, values) => {
      state.notes.version = new Fields(values, "note-version").number(0);
    },
    weight: (state, values, key) => {
      state.weights.set(idOfKey(key), new Fields(values, "weight").number(0));
    },
    quota: (state, values, key) => {
      state.quotas.set(idOfKey(key), readQuota(values));
    },
  };
