import type { RawDocument, SystemFields } from '../types.ts';
import type { CapturedUpdate, SendableChange } from './captured-write.ts';
import { MustStoreFirst } from './payload-away.ts';
import type { Store } from './store.ts';
import type { PreImage } from './version-record.ts';

/**
 * A change that is worked out from the document becomes the replacement it amounts to, or nothing.
 *
 * @throws MustStoreFirst for a document that is too large for MongoDB as a whole
 */
export function resolved(
  { payload }: Store,
  { change, options }: CapturedUpdate,
  pre: PreImage,
): SendableChange | undefined {
  if (change.form !== 'computed') return change;
  const document = change.compute(pre.bytes);
  if (document === undefined) return undefined;
  if (payload?.large.isLarge(document, options)) throw new MustStoreFirst();
  return { form: 'replacement', document: document as RawDocument };
}

/** A change that gives the document it writes its next bookkeeping. */
export function withSystem(change: SendableChange, system: SystemFields): SendableChange {
  switch (change.form) {
    case 'operators':
      return { form: 'operators', spec: { ...change.spec, $set: { ...change.spec.$set, _system: system } } };
    case 'pipeline':
      return { form: 'pipeline', stages: [...change.stages, { $set: { _system: { $literal: system } } }] };
    case 'replacement':
      return { form: 'replacement', document: replacementWith(change.document, system) };
  }
}

/** The same where it inserts one, and only there. */
export function withSystemOnInsert(change: SendableChange, system: SystemFields): SendableChange {
  if (change.form !== 'operators') return withSystem(change, system);
  return {
    form: 'operators',
    spec: { ...change.spec, $setOnInsert: { ...change.spec.$setOnInsert, _system: system } },
  };
}

/** A change that gives the document it inserts an id. */
export function withIdOnInsert(change: SendableChange, id: unknown): SendableChange {
  switch (change.form) {
    case 'operators':
      return { form: 'operators', spec: { ...change.spec, $setOnInsert: { ...change.spec.$setOnInsert, _id: id } } };
    case 'pipeline':
      return { form: 'pipeline', stages: [...change.stages, { $set: { _id: { $ifNull: ['$_id', id] } } }] };
    case 'replacement':
      return { form: 'replacement', document: { _id: id, ...change.document } };
  }
}

function replacementWith(document: RawDocument | Map<string, unknown>, system: SystemFields): RawDocument {
  if (document instanceof Map) return new Map([...document, ['_system', system]]) as unknown as RawDocument;
  return { ...document, _system: system };
}

/** What the driver's update methods take as their second argument. */
export function updateArgument(change: SendableChange): unknown {
  switch (change.form) {
    case 'operators':
      return change.spec;
    case 'pipeline':
      return change.stages;
    case 'replacement':
      return change.document;
  }
}
