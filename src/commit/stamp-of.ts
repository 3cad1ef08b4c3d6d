import type { CapturedManyWrite, CapturedWrite } from './captured-write.ts';
import type { Stamp } from './stamp.ts';
import type { Store } from './store.ts';
import type { Transaction } from './transaction.ts';

/** Taken once for each version, since it takes the version's number. */
export function stampOf(store: Store, { numbers }: Pick<Transaction, 'numbers'>, write: CapturedWrite): Stamp {
  const at = write.chronos.at ?? store.clock.now();
  const cv = numbers?.next();
  if (write.kind === 'delete') return { op: 'DELETE', at, cv, options: write.chronos };
  const { op, chronos: options, restoredFrom, stored } = write;
  return { op, at, cv, options, restoredFrom, stored, ...waysOf(store) };
}

/** The same for all versions that a write of many documents makes, but for their numbers. */
export function stampOfMany(store: Store, write: CapturedManyWrite): Stamp {
  const at = write.chronos.at ?? store.clock.now();
  if (write.kind === 'deleteMany') return { op: 'DELETE', at, options: write.chronos };
  return { op: 'UPDATE', at, options: write.chronos, ...waysOf(store) };
}

function waysOf({ payload, versioning }: Store): Pick<Stamp, 'offloads' | 'replaces'> {
  return { offloads: payload !== undefined, replaces: !versioning };
}
