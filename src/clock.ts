/** Where the time of a version comes from. Injected so that tests and imports decide it. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };
