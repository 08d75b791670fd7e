/**
 * Rows as aligned columns with a heading, for people; `--json` is for programs. Names are their frameworks':
 * one with a line end makes no further row, and none moves the cursor.
 */
export function formatTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heading, ...rows].map((cells) => cells.map(visible));
  // Not by Math.max of all: there may be more rows than a call takes arguments.
  const widths = heading.map((_, column) =>
    lines.reduce((widest, cells) => Math.max(widest, widthOf(cells[column] ?? "")), 0),
  );
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => padded(cell, widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => {
    return control === "\n" ? "\\n" : `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** Columns on a terminal. */
function widthOf(text: string): number {
  return Bun.stringWidth(text);
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}

/** Seconds as people say them: 45s, 12m, 3h, 5d. */
export function formatAge(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
