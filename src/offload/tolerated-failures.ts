import { StorageError } from '../errors.ts';

/** More of them in a row, and object storage does not answer at all. */
const MOST_IN_A_ROW = 20;

/** Lets a task for many go on past those whose objects cannot be read, and fail in the end. */
export class ToleratedFailures {
  #first: StorageError | undefined;
  #inARow = 0;

  /**
   * @returns whether a step was done
   * @throws whatever the step throws, but for a `StorageError` that is to be tolerated
   */
  async run(step: () => Promise<boolean>): Promise<boolean> {
    try {
      const isDone = await step();
      this.#inARow = 0;
      return isDone;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#first ??= error;
      this.#inARow += 1;
      if (this.#inARow >= MOST_IN_A_ROW) throw error;
      return false;
    }
  }

  /** @throws the first failure, if there was one */
  end(): void {
    if (this.#first !== undefined) throw this.#first;
  }
}
