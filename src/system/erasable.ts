import { ConfigError } from '../errors.ts';

const PROTECTED = Symbol('chronos protected from erasure');

/** Says that no document is to be erased through a connection. */
export function protectFromErasure(connection: object): void {
  Object.defineProperty(connection, PROTECTED, { value: true });
}

/** @throws ConfigError where the configuration does not allow that documents of a model are erased */
export function requireErasable({ db, modelName }: { readonly db: object; readonly modelName: string }): void {
  if (!(PROTECTED in db)) return;
  throw new ConfigError({
    message: `Cannot erase documents of ${modelName}: the configuration does not allow it. Set hardDeleteEnabled: true`,
  });
}
