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

/** Of one type of message: its required fields, and those that hold messages, by number. */
interface Plan {
  readonly required: readonly string[];
  readonly messages: readonly { readonly name: string; readonly label: string; readonly type: string }[];
}

const plans = new Map<string, Plan>();

function planOf(name: string): Plan {
  let plan = plans.get(name);
  if (plan !== undefined) return plan;
  const { fields } = messageSchema(name);
  plan = {
    required: fields.filter(({ label }) => label === "required").map((field) => field.name),
    messages: fields
      .toSorted((a, b) => a.number - b.number)
      .flatMap(({ name, label, type }) =>
        type.kind === "message" ? [{ name, label, type: type.name }] : [],
      ),
  };
  plans.set(name, plan);
  return plan;
}

function collect(
  name: string,
  message: Readonly<Record<string, unknown>>,
  prefix: string,
  missing: string[],
): void {
  const { required, messages } = planOf(name);
  for (const field of required) if (message[field] === undefined) missing.push(prefix + field);
  for (const field of messages) {
    const value = message[field.name];
    if (value === undefined) continue;
    const path = prefix + field.name;
    if (field.label !== "repeated" && field.label !== "map") {
      collect(field.type, value as Readonly<Record<string, unknown>>, `${path}.`, missing);
      continue;
    }
    for (const [part, item] of parts(field.label, value)) {
      collect(field.type, item as Readonly<Record<string, unknown>>, `${path}${part}.`, missing);
    }
  }
}

function parts(label: string, value: unknown): [string, unknown][] {
  if (label === "repeated") return (value as unknown[]).map((item, index) => [`[${index}]`, item]);
  return Object.entries(value as object).map(([key, item]) => [`[${key}].value`, item]);
}
