import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import type { Connection, mongo } from 'mongoose';
import { afterAll, expect, inject, test } from 'vitest';
import { decodeExact } from '../../src/bson/exact.ts';
import { ownFields } from '../../src/commit/version-record.ts';
import { storedVersion } from '../../src/history/document-history.ts';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { hostileKeys, oddRawDocuments, rawDocuments } from '../support/bson-arbitrary.ts';
import { testDatabase } from '../support/database.ts';
import { retain } from '../support/retain.ts';
import { storeOf } from '../support/store-of.ts';
import { headsOf, recordsOf } from '../support/stored.ts';
import { SwitchedStore } from '../support/switched-store.ts';

/** What becomes of documents of any content, from their creation to their return in another database, byte for byte. */

const mongoose = await testDatabase();
const { BSON } = mongoose.mongo;
const elsewhere = mongoose.createConnection(inject('mongoUri'), { dbName: `${mongoose.connection.name}-2` });
await elsewhere.asPromise();
afterAll(async () => {
  await elsewhere.dropDatabase();
  await elsewhere.close();
});

type Raw = Record<string, unknown>;
type Collection = mongo.Collection<Raw>;
type Files = ChronosModelType<{ _id: unknown }>;

const DAY = 86_400_000;
const START = Date.now() - 60 * DAY;
const clock = { ms: START, now: () => new Date(clock.ms) };
const confirm = true;

function filesOn(connection: Connection): Files {
  const options = { strict: false, versionKey: false, collection: 'files' } as const;
  const schema = new mongoose.Schema({ _id: {}, title: String }, options);
  const store = (role: string) => new SwitchedStore(`${connection.name} ${role}`);
  schema.plugin(chronos, {
    clock,
    indexed: ['title', 'any.a', 'any.é.b'],
    base64: { file: { contentType: 'text/plain' }, 'any.b': { contentType: 'image/png' } },
    payload: { json: store('json'), content: store('content'), prefix: 'app' },
    retention: { days: 10, rollup: { versions: store('versions') } },
  });
  return connection.model('File', schema) as unknown as Files;
}

const Files = filesOn(mongoose.connection);
const Copies = filesOn(elsewhere);
const collectionOf = (model: Files) => model.collection as unknown as Collection;
const plainly = (name: string) => mongoose.connection.getClient().db(mongoose.connection.name).collection(name) as unknown as Collection; // biome-ignore format: short
/** What MongoDB stores of the documents as they are now, and of their first versions. */
const plain = { current: plainly('plain'), first: plainly('plain_first') };

const IDS: readonly unknown[] = [
  1,
  'a/../é',
  new mongoose.Types.ObjectId(),
  { $id: 1, b: [new Date(0)] },
  BSON.Decimal128.fromString('5.10'),
];
const refusedAtTheTop = new Set<string>(['_id', '_system', '_bsontype', '$ref', '$id', '$db']);
const topKey = fc.constantFrom(...hostileKeys.filter((key) => !refusedAtTheTop.has(key)));
const file = fc.oneof(fc.base64String({ maxLength: 40 }), fc.constantFrom('no base64', 'data:text/plain;base64,YQ=='));
const contentOf = (any: fc.Arbitrary<Uint8Array>) => fc.record({ any, file, keys: fc.uniqueArray(topKey, { maxLength: 3 }) }); // biome-ignore format: short
const FIVE = { minLength: 5, maxLength: 5 } as const;
const contents = fc.oneof(fc.array(contentOf(rawDocuments), FIVE), fc.array(contentOf(oddRawDocuments), FIVE));
type Content = typeof contents extends fc.Arbitrary<(infer C)[]> ? C : never;

function documentOf(_id: unknown, { any, file, keys }: Content): Raw {
  const value = decodeExact(BSON, any);
  const fields = [['title', 'first'], ['file', file], ...['any', ...keys].map((key) => [key, value] as const)] as const;
  return Object.fromEntries([['_id', _id], ...fields]);
}

/** Of some documents those that a server takes. */
async function created(contents: readonly Content[]): Promise<Raw[]> {
  const documents: Raw[] = [];
  for (const [index, one] of contents.entries()) {
    const document = documentOf(IDS[index], one);
    const isTaken = await plain.first.insertOne(document as never).then(
      () => true,
      () => false,
    );
    if (!isTaken) continue;
    documents.push(document);
    for (const into of [plain.current, collectionOf(Files)]) await into.insertOne(document as never);
  }
  return documents;
}

/** Leaves in MongoDB only what is indexed. */
async function leave(model: Files): Promise<void> {
  await model.flush();
  await model.markItemsAsProcessedByTTL(0, { confirm });
  for (const rows of [headsOf(model), recordsOf(model)]) {
    expect(await rows.countDocuments({ '_system.state': { $ne: 'processed' } })).toBe(0);
  }
}

async function supersede(): Promise<void> {
  clock.ms = START + DAY;
  const change = { $set: { title: 'second' }, $unset: { file: 1 } } as const;
  for (const one of [plain.current, collectionOf(Files)]) await one.updateMany({}, change);
}

async function rollUp(documents: readonly Raw[]): Promise<void> {
  clock.ms = START + 60 * DAY;
  expect(await retain(Files)).toMatchObject({ rolledUp: documents.length });
  expect(await recordsOf(Files).countDocuments()).toBe(0);
}

async function thaw(documents: readonly Raw[]): Promise<void> {
  expect(await Files.asOf(new Date(START)).countDocuments({ title: 'first' })).toBe(documents.length);
  expect(await recordsOf(Files).countDocuments()).toBe(documents.length);
}

async function copy(): Promise<void> {
  const to = new PassThrough();
  const [file] = await Promise.all([buffer(to), Files.exportHistory(to)]);
  await Copies.importHistory(Readable.from([file]));
}

async function restore(documents: readonly Raw[]): Promise<void> {
  await plain.current.deleteMany({});
  for (const document of documents) {
    await plain.current.insertOne(document as never);
    // It is restored, too, where the driver cannot read what is given back.
    await Files.restore(document._id as never, { ov: 0 }).catch(() => undefined);
  }
  await Copies.restoreCollection({ at: new Date(START) });
}

/** The stages of a life, and which models there is something in by then. */
const LIFE: readonly (readonly [string, readonly Files[], (documents: readonly Raw[]) => Promise<unknown>])[] = [
  ['inline', [Files], async () => undefined],
  ['stored', [Files], () => Files.flush()],
  ['processed', [Files], () => leave(Files)],
  ['superseded', [Files], supersede],
  ['superseded and processed', [Files], () => leave(Files)],
  ['rolled up', [Files], rollUp],
  ['thawed', [Files], thaw],
  ['copied', [Files, Copies], copy],
  ['copied and processed', [Files, Copies], () => leave(Copies)],
  ['restored', [Files, Copies], restore],
  ['restored and processed', [Files, Copies], () => Promise.all([Files, Copies].map(leave))],
];

const hex = (bytes: unknown) => Buffer.from(bytes as Uint8Array).toString('hex');

async function bytesIn(collection: Collection): Promise<string[]> {
  return (await collection.find({}, { sort: { _id: 1 }, raw: true }).toArray()).map(hex);
}

/** First versions without their ids, which records have in a form of their own. */
async function firstIn(model: Files, documents: readonly Raw[]): Promise<string[]> {
  const versions = documents.map(({ _id }) => storedVersion(storeOf(model), _id, 0));
  return (await Promise.all(versions)).map((version) => (version === undefined ? '' : hex(ownFields(version.bytes))));
}

async function plainFirst(documents: readonly Raw[]): Promise<string[]> {
  const found = documents.map(({ _id }) => plain.first.findOne({ _id: { $eq: _id as never } }, { raw: true }));
  return (await Promise.all(found)).map((bytes) => hex(ownFields(bytes as unknown as Uint8Array)));
}

/** What the driver makes of documents, where it can. */
async function toldIn(collection: Collection, options: object = {}): Promise<unknown> {
  const types = { promoteValues: false, promoteBuffers: false, bsonRegExp: true } as const;
  const documents = collection.find({}, { sort: { _id: 1 }, ...types, ...options }).toArray();
  return documents.catch(({ name }: Error) => name);
}

async function emptied(): Promise<void> {
  clock.ms = START;
  for (const { collection, db } of [Files, Copies]) {
    for (const suffix of ['', '_ver', '_locks']) await db.collection(`${collection.collectionName}${suffix}`).deleteMany({}); // biome-ignore format: short
  }
  for (const one of Object.values(plain)) await one.deleteMany({});
}

async function liveThrough(contents: readonly Content[]): Promise<void> {
  await emptied();
  const documents = await created(contents);
  fc.pre(documents.length > 0);
  const [first, told] = [await plainFirst(documents), await toldIn(plain.first)];
  for (const [stage, models, come] of LIFE) {
    await come(documents);
    for (const model of models) {
      expect(await bytesIn(collectionOf(model)), stage).toEqual(await bytesIn(plain.current));
      expect(await firstIn(model, documents), stage).toEqual(first);
      expect(await toldIn(collectionOf(model), { chronos: { asOf: new Date(START) } }), stage).toEqual(told);
    }
  }
  for (const model of [Files, Copies]) expect(await model.verify()).toMatchObject({ ok: true, findings: [] });
}

/** As deep as a server takes documents, wherever it is in one. */
const DEEPEST = 180;

test('documents of any content are what MongoDB stores of them, wherever they have been', async () => {
  const numRuns = Number(process.env.CHRONOS_TEST_RUNS ?? 5);
  await fc.assert(fc.asyncProperty(contents, liveThrough), { numRuns, endOnFailure: true });
}, 300_000);

test('so are those of any depth and width', async () => {
  let deep: unknown = [];
  for (let depth = 1; depth < DEEPEST; depth++) deep = depth % 2 === 1 ? { deep } : [1, deep];
  const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, n) => [`key ${n}`, n]));
  const any = [deep, wide, {}].map((value) => BSON.serialize(value as object));
  await liveThrough(
    any.map((bytes, index) => ({ any: bytes, file: 'YQ==', keys: index === 0 ? ['$set', 'a.b'] : [] })),
  );
  expect(await plain.first.countDocuments()).toBe(any.length);
}, 120_000);
