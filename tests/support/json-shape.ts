/**
 * Key paths and JSON types of a value, as the recordings under
 * tests/fixtures/mesos-shapes/ have them: `tasks[].id` to `string`. Objects
 * whose keys are data are kept as one `<key>` path.
 */
const DATA_KEYS = /(^|\.)(attributes|reserved_resources|reserved_resources_full|unreserved_reservations)$/;

export type Shape = ReadonlyMap<string, ReadonlySet<string>>;

export function shapeOf(value: unknown): Shape {
  const shape = new Map<string, Set<string>>();
  visit(value, "", shape);
  return shape;
}

function visit(value: unknown, at: string, shape: Map<string, Set<string>>): void {
  const type = typeName(value);
  const types = shape.get(at) ?? new Set();
  shape.set(at, types.add(type));
  if (Array.isArray(value)) for (const item of value) visit(item, `${at}[]`, shape);
  else if (type === "object") {
    for (const [key, item] of Object.entries(value as Record<string, unknown>)) {
      const name = DATA_KEYS.test(at) ? "<key>" : key;
      visit(item, at === "" ? name : `${at}.${name}`, shape);
    }
  }
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value !== "number") return typeof value;
  return "number";
}

interface Recording {
  readonly endpoint: string;
  readonly paths: Readonly<Record<string, string>>;
}

/** What Mesos answered; integers and fractions are both numbers there, since `15.0` reads as 15. */
export async function recordedShape(name: string): Promise<Shape> {
  const recording: Recording = await Bun.file(
    new URL(`../fixtures/mesos-shapes/${name}.json`, import.meta.url),
  ).json();
  return new Map(
    Object.entries(recording.paths).map(([path, types]) => [
      path === "." ? "" : path,
      new Set(types.split("|").map((type) => (type === "integer" || type === "float" ? "number" : type))),
    ]),
  );
}

/** One line for each path that is missing, and each whose type is none that Mesos gave there. */
export function compareShapes(
  recorded: Shape,
  ours: Shape,
): { missing: string[]; extra: string[]; types: string[] } {
  const missing = [...recorded.keys()].filter((path) => !ours.has(path));
  const extra = [...ours.keys()].filter((path) => !recorded.has(path));
  const types = [...ours].flatMap(([path, found]) => {
    const wanted = recorded.get(path);
    const wrong = wanted === undefined ? [] : [...found].filter((type) => !wanted.has(type));
    return wrong.length === 0
      ? []
      : [`${path}: ${wrong.join("|")} instead of ${[...(wanted ?? [])].join("|")}`];
  });
  return { missing, extra, types };
}
