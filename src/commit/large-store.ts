import type { PayloadTier } from '../offload/payload-tier.ts';
import type { Store } from './store.ts';

/** A store whose documents may be large. */
export type LargeStore = Store & { readonly payload: PayloadTier };

export function mayBeLarge(store: Store): store is LargeStore {
  return store.payload !== undefined;
}
