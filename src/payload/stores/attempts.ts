import {
  BrokenCircuitError,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  fullJitterGenerator,
  handleWhen,
  type IPolicy,
  retry,
  wrap,
} from 'cockatiel';

/** How long the first retry waits at most; every further one may wait twice as long, up to the longest. */
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 2_000;
/** After so many failures in a row nothing is asked any more, but for one attempt in every pause. */
const FAILURES_THAT_OPEN = 10;
const PAUSE_MS = 1_000;

export interface AttemptOptions {
  /** How often a request is tried. */
  readonly attempts: number;
  /** Whether the same request may succeed when it is made again. */
  readonly isRetryable: (error: Error) => boolean;
  /** Whether it is the service that fails: only such failures open the circuit. */
  readonly isOutage: (error: Error) => boolean;
}

/** Nothing was asked: the service has failed too often of late. */
export { BrokenCircuitError };

/**
 * Makes requests to one service: again after failures that may pass, with pauses of random length (full jitter) so that
 * those who failed together do not come back together; and for a while not at all once nothing but failures came back.
 */
export class Attempts {
  readonly #policy: IPolicy;

  constructor({ attempts, isRetryable, isOutage }: AttemptOptions) {
    const backoff = new ExponentialBackoff({
      generator: fullJitterGenerator,
      initialDelay: FIRST_DELAY_MS,
      maxDelay: LONGEST_DELAY_MS,
    });
    const circuit = circuitBreaker(handleWhen(isOutage), {
      halfOpenAfter: PAUSE_MS,
      breaker: new ConsecutiveBreaker(FAILURES_THAT_OPEN),
    });
    this.#policy = wrap(retry(handleWhen(isRetryable), { maxAttempts: attempts - 1, backoff }), circuit);
  }

  /** What the first attempt that succeeds returns. Ends with the signal's reason as soon as it is given. */
  async run<T>(attempt: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    const outcome = this.#policy.execute(attempt, signal);
    return signal === undefined ? outcome : untilAborted(outcome, signal);
  }
}

async function untilAborted<T>(outcome: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([outcome, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
