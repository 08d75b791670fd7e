/** How many typical events and calls a second the JSON codec encodes and decodes. */
import { decodeJson } from "../../src/wire/json-decode.ts";
import { encodeJson } from "../../src/wire/json-encode.ts";

const MEASURE_MS = 2_000;
const BATCH = 500;

const UPDATE = JSON.stringify({
  type: "UPDATE",
  update: {
    status: {
      task_id: { value: "web.3f1c9a52-1" },
      state: "TASK_RUNNING",
      source: "SOURCE_EXECUTOR",
      agent_id: { value: "6e1f9d0c-70a1-4a1e-8a38-0d2f8a1f0c11-S3" },
      executor_id: { value: "web.3f1c9a52-1" },
      timestamp: 1_700_000_000.25,
      uuid: "ZGVmYXVsdC11dWlkLWhlcg==",
      container_status: { network_infos: [{ ip_addresses: [{ protocol: "IPv4", ip_address: "10.0.0.7" }] }] },
    },
  },
});

const ACCEPT = JSON.stringify({
  framework_id: { value: "6e1f9d0c-70a1-4a1e-8a38-0d2f8a1f0c11-0001" },
  type: "ACCEPT",
  accept: {
    offer_ids: [{ value: "6e1f9d0c-70a1-4a1e-8a38-0d2f8a1f0c11-O77" }],
    operations: [
      {
        type: "LAUNCH",
        launch: {
          task_infos: [
            {
              name: "web",
              task_id: { value: "web.3f1c9a52-1" },
              agent_id: { value: "6e1f9d0c-70a1-4a1e-8a38-0d2f8a1f0c11-S3" },
              command: { shell: true, value: "exec ./serve --port $PORT0" },
              resources: [
                { name: "cpus", type: "SCALAR", scalar: { value: 0.5 }, allocation_info: { role: "*" } },
                { name: "mem", type: "SCALAR", scalar: { value: 128 }, allocation_info: { role: "*" } },
                { name: "ports", type: "RANGES", ranges: { range: [{ begin: 31_000, end: 31_001 }] } },
              ],
            },
          ],
        },
      },
    ],
    filters: { refuse_seconds: 5 },
  },
});

/** Calls a second of `run`, measured in batches after one of warm-up. */
function perSecond(run: () => void): number {
  const batch = (): void => {
    for (let i = 0; i < BATCH; i++) run();
  };
  batch();
  const started = performance.now();
  let calls = 0;
  while (performance.now() - started < MEASURE_MS) {
    batch();
    calls += BATCH;
  }
  return Math.round((calls / (performance.now() - started)) * 1_000);
}

export async function bench(): Promise<Record<string, unknown>> {
  const update = decodeJson("SchedulerEvent", UPDATE);
  const accept = decodeJson("SchedulerCall", ACCEPT);
  if (!update.ok || !accept.ok) throw new Error("The samples of this benchmark are not valid messages");
  return {
    updateEventsEncodedPerSecond: perSecond(() => encodeJson("SchedulerEvent", update.value)),
    updateEventsDecodedPerSecond: perSecond(() => decodeJson("SchedulerEvent", UPDATE)),
    acceptCallsDecodedPerSecond: perSecond(() => decodeJson("SchedulerCall", ACCEPT)),
    acceptCallsEncodedPerSecond: perSecond(() => encodeJson("SchedulerCall", accept.value)),
  };
}
