/**
 * src/wire/schema/ is the text of the Mesos v1 API: one file for each family of
 * messages, in the notation of src/wire/schema-parser.ts, with every message, enum
 * and field number of include/mesos/v1/**.proto in Apache Mesos 1.12. Nothing else
 * in mesh names a field number. After a change run
 * `bun scripts/generate-model.ts`.
 */
import type { SchemaSource } from "../schema-parser.ts";
import { AGENT } from "./agent.ts";
import { CONTAINERS } from "./containers.ts";
import { EXECUTOR } from "./executor.ts";
import { FRAMEWORKS } from "./frameworks.ts";
import { IDS } from "./ids.ts";
import { MAINTENANCE } from "./maintenance.ts";
import { MASTER } from "./master.ts";
import { OFFERS } from "./offers.ts";
import { QUOTA } from "./quota.ts";
import { RESOURCE_PROVIDER } from "./resource-provider.ts";
import { RESOURCES } from "./resources.ts";
import { SCHEDULER } from "./scheduler.ts";
import { STATISTICS } from "./statistics.ts";
import { TASKS } from "./tasks.ts";

/** All tables; the order here is that of the generated types. */
export const SCHEMA_SOURCES: readonly SchemaSource[] = [
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
];
