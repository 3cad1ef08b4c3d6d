import fc from 'fast-check';
import mongoose from 'mongoose';
import { expect, test } from 'vitest';
import { equalsIgnoring, findElement } from '../../../src/bson/elements.ts';
import type { Store } from '../../../src/commit/store.ts';
import { preImage, versionRecord } from '../../../src/commit/version-record.ts';
import { encodeDocument, oddRawDocuments } from '../../support/bson-arbitrary.ts';

const { BSON } = mongoose.mongo;
const store = { bson: BSON, head: { collectionName: 'things' } } as unknown as Store;
const until = new Date('2026-01-02T00:00:00Z');
const system = BSON.serialize({ ov: 3, updatedAt: new Date('2026-01-01T00:00:00Z') });
const id = { type: 0x10, bytes: Uint8Array.of(7, 0, 0, 0) };

/** Documents as a head collection holds them: `_id` first, `_system` before, between or after the other fields. */
const heads = fc.tuple(oddRawDocuments, oddRawDocuments).map(([before, after]) => {
  const fields = Buffer.concat([elements(before), element('_system'), elements(after)]);
  const others = Buffer.concat([elements(before), elements(after)]);
  return { head: documentOf(fields), others: documentOf(others) };
});

function elements(document: Uint8Array): Uint8Array {
  const kept = ['_id', '_system'].reduce(without, document);
  return kept.subarray(4, -1);
}

function without(document: Uint8Array, key: string): Uint8Array {
  const span = findElement(document, key);
  if (span === undefined) return document;
  const rest = Buffer.concat([document.subarray(0, span.start), document.subarray(span.end)]);
  rest.writeInt32LE(rest.length);
  return without(rest, key);
}

function element(key: string): Uint8Array {
  return encodeDocument([[key, { type: 0x03, bytes: system }]]).subarray(4, -1);
}

function documentOf(fields: Uint8Array): Uint8Array {
  const withId = Buffer.concat([encodeDocument([['_id', id]]).subarray(0, -1), fields, Uint8Array.of(0)]);
  withId.writeInt32LE(withId.length);
  return withId;
}

test('a version record holds the fields of its document byte for byte', () => {
  fc.assert(
    fc.property(heads, ({ head, others }) => {
      const record = versionRecord(store, preImage(BSON, head), until);
      const written = without(BSON.serialize(record), '_system');
      expect(equalsIgnoring(written, others, '_id')).toBe(true);
    }),
  );
});

test('the driver is told no less than the size of a version record', () => {
  fc.assert(
    fc.property(heads, ({ head }) => {
      const record = versionRecord(store, preImage(BSON, head), until);
      expect(BSON.calculateObjectSize(record)).toBeGreaterThanOrEqual(BSON.serialize(record).length);
    }),
  );
});

test('a version record says whose version it is and until when', () => {
  const head = BSON.serialize({ _id: 7, name: 'a', _system: { ov: 3 } });
  const record = BSON.deserialize(BSON.serialize(versionRecord(store, preImage(BSON, head), until)));
  expect(record).toMatchObject({ _id: { id: 7, ov: 3 }, name: 'a', _system: { ov: 3, until } });
});

test('a document of bookkeeping alone has a record of bookkeeping alone', () => {
  const head = BSON.serialize({ _id: 7, _system: { ov: 0 } });
  const record = BSON.deserialize(BSON.serialize(versionRecord(store, preImage(BSON, head), until)));
  expect(Object.keys(record)).toEqual(['_id', '_system']);
});
