import { OptimisticLockError } from '../errors.ts';
import type { ChronosWriteOptions } from '../types.ts';
import type { Store } from './store.ts';

/**
 * Lets a write through that names no version, or the one that there is.
 *
 * @param actual null where there is no document
 * @throws OptimisticLockError
 */
export function checkExpected(
  store: Store,
  { chronos }: { readonly chronos: ChronosWriteOptions },
  id: unknown,
  actual: number | null,
): void {
  const expected = chronos.expectedOv;
  if (expected === undefined || expected === actual) return;
  throw new OptimisticLockError(store.head.collectionName, id, expected, actual);
}
