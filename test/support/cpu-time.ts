/** Milliseconds of processor time that a piece of work takes: unlike the clock, the same on a machine with other work. */
export function cpuTime(work: () => unknown): number {
  const started = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1000;
}
