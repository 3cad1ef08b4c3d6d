import type { mongo } from 'mongoose';
import type { RawDocument } from '../../types.ts';
import { refusal } from './refusal.ts';
import type { Neighbours } from './row-pipeline.ts';
import { RowReads } from './row-reads.ts';
import { RowWrites } from './row-writes.ts';
import type { TenantRows } from './tenant-rows.ts';

type DriverCollection = mongo.Collection<RawDocument>;

/** What of the collection itself may be known. */
const FACTS: readonly PropertyKey[] = [
  'collectionName',
  'dbName',
  'namespace',
  'readConcern',
  'readPreference',
  'writeConcern',
  'isCapped',
];

/**
 * A tenant's part of a collection, in place of the whole: every method that there is here is limited to the tenant's own
 * documents, and any other is refused.
 */
export function rowCollection(rows: TenantRows, stored: DriverCollection, neighbours: Neighbours): DriverCollection {
  const parts: readonly Methods[] = [
    new RowReads(rows, stored, neighbours) as unknown as Methods,
    new RowWrites(rows, stored) as unknown as Methods,
  ];
  return new Proxy(Object.create(null) as object, {
    get(_target, name) {
      const part = parts.find((one) => name !== 'constructor' && Object.hasOwn(Object.getPrototypeOf(one), name));
      if (part !== undefined) return part[name]?.bind(part);
      const value: unknown = Reflect.get(stored, name);
      if (typeof value !== 'function') return FACTS.includes(name) ? value : undefined;
      if (FACTS.includes(name)) return value.bind(stored);
      return () => {
        throw refusal(
          rows.tenantId,
          `call ${String(name)} of a collection`,
          'It would act on the documents of all tenants',
        );
      };
    },
  }) as DriverCollection;
}

type Methods = Readonly<Record<PropertyKey, ((...args: unknown[]) => unknown) | undefined>>;
