import type { Store } from '../commit/store.ts';
import { VersioningDisabledError } from '../errors.ts';

/** A collection, and whether superseded versions of it are kept. */
type Kept = Pick<Store, 'versioning'> & { readonly head: Pick<Store['head'], 'collectionName'> };

/** @throws VersioningDisabledError where there is no past that could be read */
export function requireVersioning({ versioning, head }: Kept, operation: string): void {
  if (!versioning) throw new VersioningDisabledError(head.collectionName, operation);
}
