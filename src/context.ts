import { AsyncLocalStorage } from 'node:async_hooks';
import type { Attribution, ChronosWriteOptions } from './types.ts';

const storage = new AsyncLocalStorage<ChronosWriteOptions>();

/**
 * Runs `fn` so that every write inside it, however deep, is attributed to `context.actor` and `context.reason`
 * unless the operation says otherwise itself. Contexts nest: an inner one overrides the outer one field by field.
 *
 * @example
 * await runInChronosContext({ actor: 'ana', reason: 'ticket 42' }, () => user.save());
 */
export function runInChronosContext<R>(context: Attribution, fn: () => R): R {
  return storage.run({ ...storage.getStore(), ...defined({ actor: context.actor, reason: context.reason }) }, fn);
}

/** Hands the options of one call to the writes it makes, where Mongoose itself would drop them on the way (`save`). */
export function runWithWriteOptions<R>(options: ChronosWriteOptions, fn: () => R): R {
  return storage.run({ ...storage.getStore(), ...defined(options) }, fn);
}

/** What is in force for a write: its own options over those of the context around it. */
export function effectiveOptions(own: ChronosWriteOptions | undefined): ChronosWriteOptions {
  const context = storage.getStore();
  if (context === undefined) return own ?? NONE;
  return own === undefined ? context : { ...context, ...defined(own) };
}

const NONE: ChronosWriteOptions = Object.freeze({});

function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
