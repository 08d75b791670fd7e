/**
 * Milliseconds of processor time that this process has used. Bounds on work are checked by it: how much
 * time passes meanwhile depends on what else the machine does.
 */
export function processorMs(): number {
  const { system, user } = process.cpuUsage();
  return (system + user) / 1_000;
}
