/**
 * A framework that makes calls as fast as they are answered, in a process of its own, so that only the
 * masters stand between it and others: `bun scripts/load/flood.ts <connections> <master port>…`. Tells on
 * standard output when it floods ("flooding"), and at SIGTERM how many calls were answered.
 */
import { LoadFramework } from "./load-framework.ts";

/** Named in one call: each makes the master look, and those of RECONCILE make it answer. */
const OFFERS_PER_DECLINE = 50;
const TASKS_PER_RECONCILE = 20;
/** Of so many calls one is RECONCILE. */
const RECONCILE_EVERY = 4;
const RETRY_MS = 50;

const [connections, ...ports] = process.argv.slice(2).map(Number);
const framework = new LoadFramework({ name: "flood", role: "flood", ports, connections: connections ?? 64 });
const subscribed = framework.next("SUBSCRIBED");
void framework.run();
await subscribed;
let calls = 0;
process.once("SIGTERM", () => {
  console.log(String(calls));
  process.exit(0);
});

const ids = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `{"value":"${prefix}-${i}"}`);
const decline = `{"offer_ids":[${ids("no-offer", OFFERS_PER_DECLINE).join(",")}]}`;
const tasks = ids("no-task", TASKS_PER_RECONCILE).map((id) => `{"task_id":${id}}`);
const reconcile = `{"tasks":[${tasks.join(",")}]}`;

async function flood(): Promise<never> {
  for (let i = 0; ; i++) {
    try {
      if (i % RECONCILE_EVERY === 0) await framework.call("RECONCILE", reconcile);
      else await framework.call("DECLINE", decline);
      calls++;
    } catch {
      // The leader is gone; the framework looks for the next one.
      await Bun.sleep(RETRY_MS);
    }
  }
}

console.log("flooding");
await Promise.all(Array.from({ length: connections ?? 64 }, () => flood()));
