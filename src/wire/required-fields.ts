import { messageSchema } from "./schema.ts";

/**
 * Paths of the required fields that a message lacks, in protobuf's order and
 * spelling: a message's own fields first, then those of its parts by field
 * number, `operations[0].launch.task_infos[1].name`.
 */
export function missingRequired(name: string, message: Readonly<Record<string, unknown>>): string[] {
  const missing: string[] = [];
  collect(name, message, "", missing);
  return missing;
}

function collect(
  name: string,
  message: Readonly<Record<string, unknown>>,
  prefix: string,
  missing: string[],
): void {
  const { fields } = messageSchema(name);
  for (const field of fields) {
    if (field.label === "required" && message[field.name] === undefined) missing.push(prefix + field.name);
  }
  for (const field of fields.toSorted((a, b) => a.number - b.number)) {
    const value = message[field.name];
    if (field.type.kind !== "message" || value === undefined) continue;
    const path = prefix + field.name;
    for (const [part, item] of parts(field.label, value)) {
      collect(field.type.name, item as Readonly<Record<string, unknown>>, `${path}${part}.`, missing);
    }
  }
}

function parts(label: string, value: unknown): [string, unknown][] {
  if (label === "repeated") return (value as unknown[]).map((item, index) => [`[${index}]`, item]);
  if (label === "map") return Object.entries(value as object).map(([key, item]) => [`[${key}].value`, item]);
  return [["", value]];
}
