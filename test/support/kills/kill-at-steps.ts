import { availableParallelism } from 'node:os';

/**
 * Kills a process at one step of so many, and another one at the next of them; as many at once as there are processors.
 *
 * @param sent how many steps there are
 */
export async function killAtSteps(
  sent: number,
  every: number,
  killAndCheck: (nth: number) => Promise<unknown>,
): Promise<void> {
  const points = Array.from({ length: Math.ceil(sent / every) }, (_, i) => i * every + 1);
  const workers = Array.from({ length: availableParallelism() }, async () => {
    for (let nth = points.shift(); nth !== undefined; nth = points.shift()) await killAndCheck(nth);
  });
  await Promise.all(workers);
}
