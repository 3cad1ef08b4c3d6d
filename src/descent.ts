import type { Path } from './format-path.ts';

const MAX_DEPTH = 100;

/** A way down into what a caller gives, and back up: it ends, whatever that is, and can tell where it is. */
export class Descent {
  readonly #maxValues: number;
  readonly #refusal: (path: Path, why: string) => Error;
  readonly #path: (string | number)[] = [];
  /** The documents and arrays that the value at hand lies in. */
  readonly #around = new Set<object>();
  #values = 0;

  /** @param refusal makes the error that tells where and why it goes no further */
  constructor(maxValues: number, refusal: (path: Path, why: string) => Error) {
    this.#maxValues = maxValues;
    this.#refusal = refusal;
  }

  /** @throws the refusal if there have been too many values */
  count(): void {
    this.#values += 1;
    if (this.#values > this.#maxValues) throw this.refused(`has more than ${this.#maxValues} values`);
  }

  /** @throws the refusal if a container lies in itself, or too deep */
  inside<T>(container: object, visit: () => T): T {
    if (this.#around.has(container)) throw this.refused('contains itself');
    if (this.#path.length >= MAX_DEPTH) throw this.refused(`is more than ${MAX_DEPTH} levels deep`);
    this.#around.add(container);
    const visited = visit();
    this.#around.delete(container);
    return visited;
  }

  at<T>(step: string | number, visit: () => T): T {
    this.#path.push(step);
    const visited = visit();
    this.#path.pop();
    return visited;
  }

  refused(why: string): Error {
    return this.#refusal([...this.#path], why);
  }
}
