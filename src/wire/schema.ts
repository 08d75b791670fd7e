/**
 * The one schema of the Mesos v1 API. The JSON codec, blobs, the generated
 * types of src/model/v1/ and protobuf all work from it. The messages are those of
 * Apache Mesos 1.12 (include/mesos/v1/**.proto), written in the notation of
 * schema-parser.ts under schema/.
 */
import { present } from "../base/assert.ts";
import { AGENT } from "./schema/agent.ts";
import { CONTAINERS } from "./schema/containers.ts";
import { EXECUTOR } from "./schema/executor.ts";
import { FRAMEWORKS } from "./schema/frameworks.ts";
import { IDS } from "./schema/ids.ts";
import { MAINTENANCE } from "./schema/maintenance.ts";
import { MASTER } from "./schema/master.ts";
import { OFFERS } from "./schema/offers.ts";
import { QUOTA } from "./schema/quota.ts";
import { RESOURCE_PROVIDER } from "./schema/resource-provider.ts";
import { RESOURCES } from "./schema/resources.ts";
import { SCHEDULER } from "./schema/scheduler.ts";
import { STATISTICS } from "./schema/statistics.ts";
import { TASKS } from "./schema/tasks.ts";
import { type EnumSchema, type MessageSchema, parseSchema, type Schema } from "./schema-parser.ts";

export const SCHEMA: Schema = parseSchema([
  ...IDS,
  ...FRAMEWORKS,
  ...RESOURCES,
  ...STATISTICS,
  ...OFFERS,
  ...TASKS,
  ...CONTAINERS,
  ...SCHEDULER,
  ...EXECUTOR,
  ...MASTER,
  ...AGENT,
  ...MAINTENANCE,
  ...QUOTA,
  ...RESOURCE_PROVIDER,
]);

/** The table of one message, by model name. */
export function messageSchema(name: string): MessageSchema {
  return present(SCHEMA.messages.get(name), `Schema: no message ${name}`);
}

/** The table of one enum, by model name. */
export function enumSchema(name: string): EnumSchema {
  return present(SCHEMA.enums.get(name), `Schema: no enum ${name}`);
}
