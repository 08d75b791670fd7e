/** Reading of the `Accept` header. */

interface Range {
  readonly type: string;
  readonly quality: number;
}

/**
 * Whether `Accept` allows the media type (lower case, without parameters).
 * Absent means everything. The most specific range decides, so that
 * `text/html;q=0, *\/*` refuses text/html only.
 */
export function accepts(header: string | null, mediaType: string): boolean {
  if (header === null) return true;
  const group = `${mediaType.split("/", 1)[0]}/*`;
  const ranges = header.split(",").map(range);
  for (const candidate of [mediaType, group, "*/*"]) {
    const matching = ranges.filter(({ type }) => type === candidate);
    if (matching.length > 0) return matching.some(({ quality }) => quality > 0);
  }
  return false;
}

function range(item: string): Range {
  const [type = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith("q="));
  return { type, quality: weight === undefined ? 1 : Number(weight.slice(2)) || 0 };
}
