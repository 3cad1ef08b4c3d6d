import type { mongo } from 'mongoose';
import type { SendableChange, UpdateMethod, UpdateOperators } from '../commit/captured-write.ts';
import { refuseSystemInOperators, refuseSystemInPipeline, withoutSystem } from '../system/guard.ts';
import type { RawDocument } from '../types.ts';

type DriverCollection = mongo.Collection<RawDocument>;
type ManyChange = Exclude<SendableChange, { form: 'replacement' }>;

/** The form of an update, with anything refused that would write the bookkeeping. */
export function changeOf(collection: string, method: UpdateMethod, update: unknown): SendableChange {
  const replaces = method === 'replaceOne' || method === 'findOneAndReplace';
  if (!replaces || Array.isArray(update)) return changeOfMany(collection, update);
  return { form: 'replacement', document: withoutSystem(update) as RawDocument };
}

export function changeOfMany(collection: string, update: unknown): ManyChange {
  if (Array.isArray(update)) {
    refuseSystemInPipeline(collection, update as RawDocument[]);
    return { form: 'pipeline', stages: update as RawDocument[] };
  }
  refuseSystemInOperators(collection, update as RawDocument);
  return { form: 'operators', spec: update as UpdateOperators };
}

/** The id a document is inserted under. As the driver does, it is put into the caller's own document if missing. */
export function idOf(collection: DriverCollection, document: RawDocument): unknown {
  const target = document as { _id?: unknown } | Map<string, unknown>;
  if (target instanceof Map) {
    if (!target.has('_id')) target.set('_id', newId(collection));
    return target.get('_id');
  }
  if (target._id === undefined || target._id === null) target._id = newId(collection);
  return target._id;
}

function newId(collection: DriverCollection): unknown {
  const { pkFactory } = (collection as unknown as { s: { pkFactory: { createPk(): unknown } } }).s;
  return pkFactory.createPk();
}
