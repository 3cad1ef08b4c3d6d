import type { DeleteOptions } from '../../src/payload/payload-store.ts';
import { SwitchedStore } from './switched-store.ts';

/** A store that keeps older versions of its objects, as buckets with versioning do. */
export class VersionedStore extends SwitchedStore {
  readonly older = new Set<string>();

  override async delete(key: string, options?: DeleteOptions) {
    if (options?.allVersions === true) this.older.delete(key);
    else if ((await this.head(key)) !== undefined) this.older.add(key);
    return super.delete(key);
  }
}
