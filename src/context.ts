import { AsyncLocalStorage } from 'node:async_hooks';
import type { Attribution, ChronosWriteOptions, SystemFields } from './types.ts';

/** What {@link runInChronosContext} says of the calls inside it. */
export interface ChronosContext extends Attribution {
  /** The tenant whose models `chronos.model(User)` gives where none is named. */
  readonly tenant?: string | undefined;
}

/** What a write is told, besides what its caller may say. */
export interface EffectiveOptions extends ChronosWriteOptions {
  /** Is told the bookkeeping of the version that the write makes. Gives the way back, should that not be committed. */
  readonly made?: ((system: SystemFields) => () => void) | undefined;
  /** Makes a version of the document that a replacement meets, even where it is the same already. */
  readonly always?: boolean | undefined;
}

/** What is in force around a write. */
interface Context extends Attribution {
  readonly tenant?: string | undefined;
  readonly functionId?: string | undefined;
  /** Options that wait for the one write they are meant for. */
  readonly expected?: { readonly options: EffectiveOptions; readonly target: WriteTarget; isSpent: boolean };
}

const storage = new AsyncLocalStorage<Context>();

/**
 * Runs `fn` so that every write inside it, however deep, is attributed to `context.actor` and `context.reason`
 * unless the operation says otherwise itself, and so that `context.tenant` is the tenant where none is named. Contexts
 * nest: an inner one overrides the outer one field by field.
 *
 * @example
 * await runInChronosContext({ actor: 'ana', reason: 'ticket 42' }, () => user.save());
 */
export function runInChronosContext<R>(context: ChronosContext, fn: () => R): R {
  const { tenant, actor, reason } = context;
  // Whoever looked for a tenant and found none does not mean the one outside.
  const named = 'tenant' in context ? { tenant } : {};
  return storage.run({ ...storage.getStore(), ...defined({ actor, reason }), ...named }, fn);
}

/** The tenant of the context around a call. */
export function tenantInContext(): string | undefined {
  return storage.getStore()?.tenant;
}

/** The document a write is about. */
export interface WriteTarget {
  readonly collection: string;
  readonly id: unknown;
}

/**
 * Hands the options of one call to the write it makes, where Mongoose itself would drop them on the way (`save`). What
 * else is written meanwhile, as by the document's hooks, is attributed like it, but not bound to its conditions.
 */
export function runWithWriteOptions<R>(options: EffectiveOptions, target: WriteTarget, fn: () => R): R {
  const { actor, reason, functionId } = options;
  const expected = { options: defined(options), target, isSpent: false };
  return storage.run({ ...storage.getStore(), ...defined({ actor, reason, functionId }), expected }, fn);
}

/**
 * What is in force for a write: its own options over those of the context around it. An object of its own for each call,
 * which stands for it where something is known of that call only.
 *
 * @param isAbout whether the write is about a document; asked only if options wait for one
 */
export function effectiveOptions(
  own: ChronosWriteOptions | undefined,
  isAbout: (target: WriteTarget) => boolean = () => false,
): EffectiveOptions {
  const context = storage.getStore();
  if (context === undefined) return { ...own };
  const { expected, tenant: _tenant, ...attribution } = context;
  if (expected === undefined || expected.isSpent || !isAbout(expected.target)) {
    return { ...attribution, ...defined(own ?? {}) };
  }
  expected.isSpent = true;
  return { ...attribution, ...expected.options, ...defined(own ?? {}) };
}

function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
