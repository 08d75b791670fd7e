/**
 * Clients of the notes as a process of its own, to be started inside a network
 * namespace: `bun net-history-client.ts <seed> <host:port>…`. Prints the number
 * of answers so far, a line each time it grew, until its input ends; then the
 * history of all operations as the last line.
 */
import { type LinkPlace, NoteClient } from "../../scripts/raft/note-client.ts";
import { Random } from "../../src/base/random.ts";
import type { NoteAnswer } from "../../src/io/note-link.ts";
import { type RegisterAction, type RegisterOperation, UNWRITTEN } from "../support/linearizability.ts";

const WORKERS = 6;
const KEYS = 4;
const ANSWER_TIMEOUT_MS = 700;
const RETRY_MS = 10;
const REPORT_MS = 50;
/** Bounds the history: the checker's search grows with it. */
const THINK_MAX_MS = 8;
/** A history goes over a pipe as JSON, which knows no infinity. */
export const NEVER = -1;

/** Counts places in the history, all different. */
let clock = 1;
let nextValue = 1;
let answered = 0;
let stopped = false;
const history: RegisterOperation[] = [];

async function worker(name: string, places: readonly LinkPlace[], random: Random): Promise<void> {
  const links = places.map((): NoteClient | undefined => undefined);
  let at = random.below(places.length);
  while (!stopped) {
    const link = await connected(links, places, at);
    const done = link !== undefined && (await operate(name, link, random));
    if (!done) at = (at + 1) % places.length;
    await Bun.sleep(done ? random.below(THINK_MAX_MS) : RETRY_MS);
  }
  for (const link of links) link?.close();
}

async function connected(
  links: (NoteClient | undefined)[],
  places: readonly LinkPlace[],
  at: number,
): Promise<NoteClient | undefined> {
  const known = links[at];
  if (known !== undefined && !known.ended) return known;
  const place = places[at];
  if (place === undefined) return undefined;
  const link = await withTimeout(NoteClient.connect(place)).catch(() => undefined);
  links[at] = link;
  return link;
}

/** One operation; false when this master cannot answer. */
async function operate(by: string, link: NoteClient, random: Random): Promise<boolean> {
  const key = `r${random.below(KEYS)}`;
  const invokedAt = clock++;
  const note = (action: RegisterAction, returnedAt: number): void => {
    history.push({ key, action, invokedAt, returnedAt, by });
  };
  if (random.chance(0.5)) {
    const answer = await withTimeout(link.get(key)).catch(() => undefined);
    if (answer === undefined || (answer.status !== 200 && answer.status !== 404)) return false;
    note({ kind: "read", saw: registerValue(answer) }, clock++);
    answered++;
    return true;
  }
  const value = nextValue++;
  const answer = await withTimeout(link.put(key, Buffer.from(String(value)))).catch(() => undefined);
  // Sent on to the leader: certainly not done here.
  if (answer?.status === 307) return false;
  note({ kind: "write", value }, answer?.status === 200 ? clock++ : NEVER);
  if (answer?.status === 200) answered++;
  return answer?.status === 200;
}

function registerValue({ status, body }: NoteAnswer): number {
  return status === 404 ? UNWRITTEN : Number(Buffer.from(body).toString());
}

/** Undefined when it takes too long; the operation may still happen. */
async function withTimeout<T>(promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

if (import.meta.main) {
  const [seed = "1", ...addresses] = process.argv.slice(2);
  const places = addresses.map((address) => {
    const colon = address.lastIndexOf(":");
    return { hostname: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
  });
  const random = new Random(Number(seed));
  const workers = Array.from({ length: WORKERS }, (_, i) => worker(`c${i}`, places, random.fork()));
  let reported = -1;
  const timer = setInterval(() => {
    if (answered !== reported) console.log(answered);
    reported = answered;
  }, REPORT_MS);
  for await (const _ of Bun.stdin.stream()) {
    // Nothing is said to this process; the end of its input ends it.
  }
  stopped = true;
  await Promise.all(workers);
  clearInterval(timer);
  await Bun.write(Bun.stdout, `${JSON.stringify(history)}\n`);
  process.exit(0);
}
