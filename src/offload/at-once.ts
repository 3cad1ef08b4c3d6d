/** Runs tasks, so many of them at once at the most; the others wait their turn. */
export class AtOnce {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

/** Tasks that are begun one after the other, so many of them at once at the most; no more of them are held. */
export class TasksAtOnce {
  readonly #limit: number;
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Begins a task, and waits until there is room for another one.
   *
   * @throws the error of the first task that failed; then no other is begun
   */
  async begin(task: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) await this.end();
    const run = task()
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => void this.#running.delete(run));
    this.#running.add(run);
    if (this.#running.size >= this.#limit) await Promise.race(this.#running);
  }

  /** @throws the error of the first task that failed, when none is running any more */
  async end(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** Does something with each item, with so many at once at the most. Ends with the first error. */
export async function eachAtOnce<T>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const tasks = new TasksAtOnce(limit);
  for await (const item of items) await tasks.begin(() => task(item));
  await tasks.end();
}
