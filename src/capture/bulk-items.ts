import type { mongo } from 'mongoose';
import type { BulkItem, CapturedUpdate, Change, DriverOptions, Filter } from '../commit/captured-write.ts';
import { carried } from '../commit/driver-options.ts';
import { withoutSystem } from '../system/guard.ts';
import type { ChronosWriteOptions, RawDocument } from '../types.ts';
import { changeOf, changeOfMany, idOf } from './change-of.ts';

type DriverCollection = mongo.Collection<RawDocument>;

/** The members of a bulk write, each as the captured write it stands for. */
export function bulkItems(
  collection: DriverCollection,
  operations: readonly unknown[],
  options: DriverOptions,
  chronos: ChronosWriteOptions,
): BulkItem[] {
  const shared = carried(options);
  return operations.map((operation) => bulkItem(collection, operation, shared, chronos));
}

function bulkItem(
  collection: DriverCollection,
  operation: unknown,
  shared: DriverOptions,
  chronos: ChronosWriteOptions,
): BulkItem {
  const [kind, spec] = Object.entries((operation ?? {}) as Record<string, RawDocument>)[0] ?? ['', {}];
  const { filter = {}, update, replacement, document, timestamps: _timestamps, ...own } = spec ?? {};
  const common = { filter: filter as Filter, options: { ...shared, ...own }, chronos };
  switch (kind) {
    case 'insertOne': {
      const inserted = (document ?? spec) as RawDocument;
      const id = idOf(collection, inserted);
      const captured = { document: withoutSystem(inserted), given: inserted, id };
      return { kind: 'insert', op: 'CREATE', ...captured, options: shared, chronos };
    }
    case 'updateOne':
      return updating(common, 'updateOne', changeOf(collection.collectionName, 'updateOne', update));
    case 'replaceOne':
      return updating(common, 'replaceOne', changeOf(collection.collectionName, 'replaceOne', replacement));
    case 'updateMany':
      return { kind: 'updateMany', change: changeOfMany(collection.collectionName, update), ...common };
    case 'deleteOne':
      return { kind: 'delete', method: 'deleteOne', ...common };
    case 'deleteMany':
      return { kind: 'deleteMany', ...common };
    default:
      throw new TypeError(
        'bulkWrite only supports insertOne, updateOne, updateMany, deleteOne, deleteMany, replaceOne',
      );
  }
}

function updating(
  common: Pick<CapturedUpdate, 'filter' | 'options' | 'chronos'>,
  method: 'updateOne' | 'replaceOne',
  change: Change,
): CapturedUpdate {
  return { kind: 'update', op: 'UPDATE', method, change, ...common };
}
