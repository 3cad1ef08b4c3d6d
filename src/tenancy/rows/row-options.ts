import { kindOf } from '../../bson/kind.ts';
import type { DriverOptions } from '../../commit/captured-write.ts';
import { recordProjection } from '../../history/record-paths.ts';
import { sortOf } from '../../history/sort.ts';
import type { RawDocument } from '../../types.ts';
import { refusal } from './refusal.ts';
import { storedKeys } from './row-indexes.ts';
import type { TenantRows } from './tenant-rows.ts';

/** What gives documents as bytes, bounds an index by hand, or gives its keys: what is stored would show as it is. */
const REFUSED = ['raw', 'min', 'max', 'returnKey', 'tailable', 'oplogReplay'];

/** The options of a command over what is stored. */
export function storedOptions(rows: TenantRows, given: object | null | undefined): DriverOptions {
  const options = { ...given } as Record<string, unknown>;
  for (const name of REFUSED) {
    if (options[name] !== undefined && options[name] !== false)
      throw refusal(rows.tenantId, `use the option ${name}`, 'Leave it out');
  }
  for (const name of ['projection', 'fields']) {
    if (options[name] !== undefined && options[name] !== null)
      options[name] = recordProjection(options[name] as RawDocument);
  }
  if (options.sort !== undefined && options.sort !== null) options.sort = storedSort(options.sort);
  if (typeof options.hint === 'object' && options.hint !== null) options.hint = storedKeys(rows, options.hint);
  return options as DriverOptions;
}

/** The order of the stored ids of one tenant is that of its own. */
export function storedSort(sort: unknown): unknown {
  const paths = [...(sortOf(sort) ?? [])];
  if (!paths.some(([path]) => path.startsWith('_id.'))) return sort;
  return new Map(paths.map(([path, order]) => [path.startsWith('_id.') ? `_id.id${path.slice(3)}` : path, order]));
}

/** Whether the documents that a command returns have their ids as they are stored: not what a projection puts there. */
export function returnsIds(options: DriverOptions): boolean {
  const { _id: id = 1 } = (options.projection ?? options.fields ?? {}) as RawDocument;
  return id === true || (kindOf(id) === 'number' && Number(id) !== 0);
}
