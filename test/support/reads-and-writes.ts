import type { Mongoose } from 'mongoose';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ChronosModelType } from '../../src/index.ts';
import { headsOf } from './stored.ts';

/** Every way to read and to write, to be asked of models that keep documents whole in MongoDB and of others. */

export interface Item {
  sku: string;
  qty: number;
  note?: string;
}
export interface Author {
  _id: number;
  name: string;
  bio: string;
}
export interface Paper {
  _id: number;
  kind?: string;
  title: string;
  rank: number;
  text?: string;
  file?: string;
  items: Item[];
  meta: Map<string, string>;
  nested?: { deep?: { a?: number; b?: number[] } };
  author?: number;
  pages?: number;
  shout?: string;
}
export type Papers = ChronosModelType<Paper>;
export type Authors = ChronosModelType<Author>;

/** An author, a paper, and a report, which is a kind of paper. */
export interface Models {
  readonly Author: Authors;
  readonly Paper: Papers;
  readonly Report: Papers;
}

/** What the clock says that models of these tests have. */
export const time = { now: new Date(0) };
export const clock = { now: () => time.now };
export const day = (number: number) => new Date(Date.UTC(2026, 0, number));
const FILE = Buffer.from('a file of some length').toString('base64');

function idIn({ Paper }: Models, n: number) {
  return new Paper.base.Types.ObjectId(String(n).padStart(24, '0'));
}

/** Leaves in MongoDB only what is indexed. */
export async function takeAway({ Author, Paper }: Models): Promise<void> {
  for (const model of [Author, Paper]) {
    await (model as Papers).flush();
    await (model as Papers).markItemsAsProcessedByTTL(0, { confirm: true });
  }
}

/** Three papers with a past, of which one is deleted, and a report. */
export async function seed(models: Models): Promise<void> {
  const { Author, Paper, Report } = models;
  time.now = day(1);
  for (const model of [Author, Paper]) {
    await (model as Papers).flush();
    for (const name of ['', '_ver']) await model.db.collection(model.collection.name + name).deleteMany({});
  }
  await Author.create([1, 2].map((_id) => ({ _id, name: `n${_id}`, bio: 'young' })));
  const item = (sku: string, n: number) => ({ _id: idIn(models, n), sku, qty: n, note: `note ${n}` });
  await Paper.create(
    [1, 2, 3].map((_id) => ({
      _id,
      title: `t${_id % 2}`,
      rank: _id,
      text: `text ${_id}`,
      file: FILE,
      items: [item('a', 1), item('b', _id)],
      meta: new Map([['lang', 'de']]),
      nested: { deep: { a: _id, b: [1, 2] } },
      author: 1 + (_id % 2),
    })),
  );
  await Report.create([{ _id: 4, title: 't0', pages: 9, text: 'report', author: 1 }]);
  time.now = day(2);
  await Paper.updateMany({}, { $inc: { 'nested.deep.a': 10 }, $push: { 'nested.deep.b': 3 } });
  await Author.updateOne({ _id: 1 }, { bio: 'old' });
  time.now = day(3);
  await Paper.deleteOne({ _id: 3 });
  time.now = day(4);
}

/** What comes of a call, without what tells models and places apart. */
async function outcome(models: Models, call: (models: Models) => Promise<unknown>): Promise<unknown> {
  const told = await call(models).then(null, (error: Error) => ({ failed: error.name, message: error.message }));
  return plain(models, told);
}

function plain({ Paper }: Models, value: unknown): unknown {
  const { EJSON } = Paper.base.mongo.BSON;
  const text = EJSON.stringify({ value: shown(Paper.base, value) }, { relaxed: false });
  const nameless = text.replaceAll(Paper.db.name, 'db').replaceAll(/(Paper|Report|Author)(s?)(?:Whole|Away)/gi, '$1$2');
  return JSON.parse(nameless, (key, field) => (WHEREABOUTS.has(key) ? undefined : field));
}

/** What of the bookkeeping that entities show tells where a version is kept. */
const WHEREABOUTS = new Set(['state', 'payload', 'blobs', 'incarnation']);

/** Documents as they are, and all of what they have. */
function shown(base: Mongoose, value: unknown): unknown {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map((one) => shown(base, one));
  if (value instanceof base.Document) return value.toObject({ virtuals: true, flattenMaps: true, versionKey: true });
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, one]) => [key, shown(base, one)]));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, shown(base, one)]));
}

/** All that is stored: current documents and their histories. Where payloads are, and ids drawn by a call, is left out. */
async function stored(models: Models): Promise<unknown> {
  const { Author, Paper } = models;
  const heads = await Paper.find().sort('_id').lean();
  const ids = [...new Set([...heads.map(({ _id }) => _id), 1, 2, 3, 4, 7, 8])];
  const histories = await Promise.all(
    ids.map(async (id) => {
      const history = await Paper.history(id as number, { lean: true });
      return history.map(({ op, ov, doc }) => ({ op, ov, doc }));
    }),
  );
  return plain(models, [heads, await Author.find().sort('_id').lean(), histories]);
}

const READS: Readonly<Record<string, (models: Models) => Promise<unknown>>> = {
  find: ({ Paper }) => Paper.find().sort('_id'),
  'find, lean': ({ Paper }) => Paper.find({ title: 't0' }).sort('_id').lean(),
  'find of a discriminator': ({ Report }) => Report.find({ title: 't0' }),
  'find, sorted, skipped, limited': ({ Paper }) => Paper.find({}).sort({ rank: -1, _id: 1 }).skip(1).limit(2),
  findById: ({ Paper }) => Paper.findById(1),
  findOne: ({ Paper }) => Paper.findOne({ 'items.sku': 'b', rank: { $gt: 1 } }),
  'findOne of none': ({ Paper }) => Paper.findOne({ title: 'none' }),
  'findOne().orFail': ({ Paper }) => Paper.findOne({ title: 'none' }).orFail(),
  'select of what is away': ({ Paper }) => Paper.find().select('text nested.deep.a items.qty').sort('_id'),
  'select of what is there': ({ Paper }) => Paper.find().select('title items.sku').sort('_id'),
  'select of what is not wanted': ({ Paper }) =>
    Paper.find().select('-text -items.note -nested.deep').sort('_id').lean(),
  'a computed field': ({ Paper }) =>
    Paper.find({}, { size: { $strLenCP: '$text' }, title: 1 } as never)
      .sort('_id')
      .lean(),
  exists: ({ Paper }) => Paper.exists({ title: 't1' }),
  countDocuments: ({ Paper }) => Paper.countDocuments({ 'items.sku': 'a' }),
  estimatedDocumentCount: ({ Paper }) => Paper.estimatedDocumentCount(),
  distinct: ({ Paper }) => Paper.distinct('title'),
  populate: ({ Paper }) => Paper.find().sort('_id').populate('author'),
  'populate, lean, with select': ({ Paper }) => Paper.find().sort('_id').populate('author', 'bio').lean(),
  'populate with match': ({ Paper }) =>
    Paper.find()
      .sort('_id')
      .populate({ path: 'author', match: { name: 'n1' } }),
  'doc.populate': async ({ Paper }) => (await Paper.findById(1).orFail()).populate('author'),
  'a cursor': async ({ Paper }) => {
    const seen: unknown[] = [];
    for await (const one of Paper.find().sort('_id').cursor({ batchSize: 1 })) seen.push(one);
    return seen;
  },
  'cursor.eachAsync': async ({ Paper }) => {
    const seen: unknown[] = [];
    await Paper.find()
      .sort('_id')
      .lean()
      .cursor()
      .eachAsync((one) => void seen.push(one));
    return seen;
  },
  'aggregate of whole documents': ({ Paper }) => Paper.aggregate([{ $match: { title: 't0' } }, { $sort: { _id: 1 } }]),
  'aggregate of fields': ({ Paper }) => Paper.aggregate([{ $project: { title: 1, rank: 1 } }, { $sort: { _id: 1 } }]),
  'aggregate of groups': ({ Paper }) =>
    Paper.aggregate([{ $group: { _id: '$items.sku', n: { $sum: '$rank' } } }, { $sort: { n: 1, _id: 1 } }]),
  'asOf().find': ({ Paper }) => Paper.asOf(day(1)).find({}).sort('_id').lean(),
  'asOf().find of documents': ({ Paper }) => Paper.asOf(day(2)).find({ title: 't1' }).sort('-_id'),
  'asOf().findOne, populated': ({ Paper }) => Paper.asOf(day(1)).findOne({ rank: 2 }).populate('author').lean(),
  'asOf().countDocuments': ({ Paper }) => Paper.asOf(day(2)).countDocuments({ title: 't1' }),
  'asOf().aggregate': ({ Paper }) => Paper.asOf(day(1)).aggregate([{ $match: { title: 't1' } }, { $sort: { _id: 1 } }]),
  getVersion: ({ Paper }) => Paper.getVersion(3, 1),
  getAsOf: ({ Paper }) => Paper.getAsOf(1, day(1), { lean: true }),
  getLatest: ({ Paper }) => Paper.getLatest(1, { lean: true }),
  diff: ({ Paper }) => Paper.diff(1, 0, 1),
  'doc.history': async ({ Paper }) => {
    const history = await (await Paper.findById(1).orFail()).history();
    return history.map(({ op, ov, doc }) => ({ op, ov, doc }));
  },
  'doc.isModified, and values of virtuals': async ({ Paper }) => {
    const paper = await Paper.findById(1).orFail();
    return [paper.isModified(), paper.shout, paper.get('meta.lang'), paper.modifiedPaths()];
  },
  explain: async ({ Paper }) =>
    Object.keys((await Paper.find({ rank: 1 }).explain()) as object).includes('queryPlanner'),
};

type Doc = Awaited<ReturnType<Papers['findById']>> & Record<string, never>;
const loaded = async ({ Paper }: Models, id: number, fields = ''): Promise<Doc> =>
  (await Paper.findById(id).select(fields).orFail()) as unknown as Doc;

const WRITES: Readonly<Record<string, (models: Models) => Promise<unknown>>> = {
  'save of a whole document': async (models) => {
    const paper = await loaded(models, 1);
    paper.set({ text: 'changed', rank: 5 });
    paper.items.push({ _id: idIn(models, 7), sku: 'c', qty: 3 } as never);
    paper.meta.set('lang', 'en');
    return paper.save();
  },
  'save of a partly loaded document': async (models) => {
    const paper = await loaded(models, 1, 'title');
    paper.title = 'partly';
    await paper.save();
  },
  'save of a partly loaded field that is away': async (models) => {
    const paper = await loaded(models, 2, 'nested text');
    paper.set('nested.deep.a', 99);
    await paper.save();
  },
  'save of a subdocument': async (models) => {
    const paper = await loaded(models, 2);
    (paper.items[0] as Item).note = 'changed';
    paper.items.pull((paper.items[1] as unknown as { _id: unknown })._id);
    await paper.save();
  },
  'save that validation stops': async (models) => {
    const paper = await loaded(models, 2);
    paper.text = 'x'.repeat(101);
    await paper.save();
  },
  'save that changes nothing': async (models) => (await loaded(models, 2)).save(),
  'save of what somebody else has changed': async (models) => {
    const [first, second] = [await loaded(models, 2), await loaded(models, 2)];
    first.text = 'first';
    await first.save();
    second.text = 'second';
    await second.save();
  },
  'doc.updateOne': async (models) => (await loaded(models, 1, 'title')).updateOne({ $inc: { 'nested.deep.a': 1 } }),
  'doc.deleteOne': async (models) => void (await (await loaded(models, 1)).deleteOne()),
  create: ({ Paper }) => Paper.create([{ _id: 7, title: 'new', text: 'seven', file: FILE }]),
  'create of one that is there': ({ Paper }) => Paper.create([{ _id: 1, title: 'again' }]),
  'create of one that was deleted': ({ Paper }) => Paper.create([{ _id: 3, title: 'again', text: 'three' }]),
  insertMany: ({ Paper }) => Paper.insertMany([7, 8].map((_id) => ({ _id, title: 'many', text: `${_id}` }))),
  'updateOne with operators': ({ Paper }) =>
    Paper.updateOne({ _id: 1 }, { $inc: { 'nested.deep.a': 5 }, $unset: { text: 1 }, $set: { 'items.0.note': 'x' } }),
  'updateOne by position': ({ Paper }) =>
    Paper.updateOne({ _id: 1, 'items.sku': 'b' }, { $set: { 'items.$.note': 'x' } }),
  'updateOne with arrayFilters': ({ Paper }) =>
    Paper.updateOne({ _id: 1 }, { $inc: { 'items.$[e].qty': 7 } }, { arrayFilters: [{ 'e.qty': { $gte: 1 } }] }),
  'updateOne by a pipeline': ({ Paper }) =>
    Paper.updateOne({ _id: 1 }, [{ $set: { text: { $concat: ['$text', '+', '$title'] } } }], {
      updatePipeline: true,
    } as never),
  'updateOne that upserts': ({ Paper }) =>
    Paper.updateOne({ _id: 7 }, { title: 'up', text: 'seven' }, { upsert: true }),
  'updateOne that changes nothing': ({ Paper }) =>
    Paper.updateOne({ _id: 1 }, { text: 'text 1' }, { timestamps: false }),
  updateMany: ({ Paper }) =>
    Paper.updateMany({ 'items.sku': 'a' }, { $push: { 'nested.deep.b': { $each: [0], $position: 0 } } }),
  findOneAndUpdate: ({ Paper }) => Paper.findOneAndUpdate({ rank: 1 }, { $set: { text: 'x' } }).lean(),
  'findOneAndUpdate, new': ({ Paper }) =>
    Paper.findOneAndUpdate({ rank: 2 }, { $inc: { 'nested.deep.a': 1 } }, { returnDocument: 'after' }),
  'findOneAndUpdate, projected': ({ Paper }) =>
    Paper.findOneAndUpdate({ rank: 2 }, { rank: 8 }, { projection: { text: 1 }, returnDocument: 'after' }).lean(),
  'findByIdAndUpdate of none': ({ Paper }) => Paper.findByIdAndUpdate(77, { rank: 8 }),
  findOneAndDelete: ({ Paper }) => Paper.findOneAndDelete({ rank: 2 }).lean(),
  findByIdAndDelete: ({ Paper }) => Paper.findByIdAndDelete(1),
  findOneAndReplace: ({ Paper }) => Paper.findOneAndReplace({ rank: 2 }, { title: 'r', text: 'replaced' }).lean(),
  replaceOne: ({ Paper }) => Paper.replaceOne({ _id: 1 }, { title: 'r', text: 'replaced', file: FILE }),
  deleteOne: ({ Paper }) => Paper.deleteOne({ rank: 1 }),
  deleteMany: ({ Paper }) => Paper.deleteMany({ title: { $ne: 'none' } }),
  bulkWrite: ({ Paper }) =>
    Paper.bulkWrite([
      { updateOne: { filter: { _id: 1 }, update: { $inc: { 'nested.deep.a': 1 } } } },
      { updateMany: { filter: { title: 't0' }, update: { $set: { text: 'bulk' } } } },
      { insertOne: { document: { _id: 7, title: 'bulk', text: 'seven' } as never } },
      { replaceOne: { filter: { _id: 2 }, replacement: { title: 'r', text: 'two' } as never } },
      { deleteOne: { filter: { _id: 4 } } },
    ] as never),
  bulkSave: async ({ Paper }) => {
    const papers = await Paper.find().sort('_id');
    for (const paper of papers) paper.set('nested.deep.a', 0);
    await Paper.bulkSave(papers);
  },
  'a transaction': ({ Paper, Author }) =>
    Paper.db.transaction(async (session) => {
      await Author.updateOne({ _id: 1 }, { bio: 'in it' }, { session });
      await Paper.updateMany({}, { $inc: { 'nested.deep.a': 1 } }, { session });
      const paper = await Paper.findById(1).session(session).orFail();
      paper.text = 'in it';
      await paper.save({ session });
    }),
  'an aborted transaction': ({ Paper }) =>
    Paper.db
      .transaction(async (session) => {
        await Paper.updateMany({}, { $inc: { 'nested.deep.a': 1 } }, { session });
        await Paper.deleteOne({ _id: 1 }, { session });
        throw new Error('no');
      })
      .catch((error: Error) => error.message),
  enrich: ({ Paper }) =>
    Paper.enrich(1, { nested: { deep: { b: [9] } }, text: 'enriched' } as never).then(() => undefined),
  'restore to a version': ({ Paper }) => Paper.restore(1, { ov: 0 }).then(() => undefined),
  'restore of a deleted one': ({ Paper }) => Paper.restore(3, { at: day(2) }).then(() => undefined),
  'doc.restore': async (models) => void (await (await loaded(models, 1)).restore({ ov: 0 })),
  restoreCollection: async ({ Paper }) => {
    const { restored, recreated, failed } = await Paper.restoreCollection({ at: day(1) });
    return { restored, recreated, failed };
  },
  'a discriminator': ({ Report }) => Report.updateOne({ _id: 4 }, { $inc: { pages: 1 }, text: 'longer' }),
};

/** Tests that it shows nowhere which of two sets of models has its payloads in object storage. */
export function describeTransparency(whole: Models, away: Models): void {
  const begin = async () => {
    for (const one of [whole, away]) await seed(one);
    await takeAway(away);
    const left = await headsOf(away.Paper).distinct('_system.state');
    expect(left).toEqual(['processed']);
  };

  describe('of documents whose payloads are in object storage', () => {
    beforeAll(begin);

    test.each(Object.entries(READS))('%s tells the same', async (_, read) => {
      const [expected, found] = [await outcome(whole, read), await outcome(away, read)];
      expect(found).toEqual(expected);
    });
  });

  describe('to documents whose payloads are in object storage', () => {
    beforeEach(begin);

    test.each(Object.entries(WRITES))('%s does the same', async (_, write) => {
      const [expected, done] = [await outcome(whole, write), await outcome(away, write)];
      expect(done).toEqual(expected);
      const there = await stored(whole);
      expect(await stored(away)).toEqual(there);
      await takeAway(away);
      expect(await stored(away)).toEqual(there);
      expect((await away.Paper.verify()).ok).toBe(true);
    });
  });
}
