/** By both clocks: one stands still while the machine sleeps, the other one can be set. */
export interface Moment {
  readonly steady: number;
  readonly wall: number;
}

export function moment(): Moment {
  return { steady: performance.now(), wall: Date.now() };
}

/** The milliseconds that have passed since, by the clock that tells of more. */
export function ageOf(asked: Moment): number {
  const now = moment();
  return Math.max(now.steady - asked.steady, Math.abs(now.wall - asked.wall));
}
