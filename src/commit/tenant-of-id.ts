import { tenantOf } from '../row-id.ts';
import type { Store } from './store.ts';

/** The tenant whose document it is, where tenants share the collection. */
export function tenantOfId({ tenantField }: Pick<Store, 'tenantField'>, id: unknown): string | undefined {
  return tenantField === undefined ? undefined : tenantOf(id);
}
