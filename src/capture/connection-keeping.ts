import type { ChronosOptions } from '../config/options.ts';

/** What is kept of documents besides their current state. */
export interface Keeping {
  /** Superseded versions. */
  readonly versioning: boolean;
  /** Deleted documents, with what is kept of them. */
  readonly logicalDelete: boolean;
  /** Which versions are old, and what becomes of them. */
  readonly retention: ChronosOptions['retention'];
}

const KEEPING = Symbol('chronos keeping');

/** Says what is kept of documents that are written through a connection, for models that do not say it themselves. */
export function setKeeping(connection: object, keeping: Keeping): void {
  Object.defineProperty(connection, KEEPING, { value: keeping });
}

/** What is kept of a model's documents: what the model says, else what its connection does. */
export function keepingOf(connection: object, own: Pick<ChronosOptions, keyof Keeping>): Keeping {
  const said = (connection as { readonly [KEEPING]?: Keeping })[KEEPING];
  return {
    versioning: own.versioning ?? said?.versioning ?? true,
    logicalDelete: own.logicalDelete ?? said?.logicalDelete ?? true,
    retention: own.retention ?? said?.retention,
  };
}
