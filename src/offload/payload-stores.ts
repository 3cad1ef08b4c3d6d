import type { PayloadStore } from '../payload/payload-store.ts';

/** Where the objects of a collection are kept. */
export interface PayloadStores {
  /** The JSON of versions. */
  readonly json: PayloadStore;
  /** Blobs and their texts. */
  readonly content: PayloadStore;
}
