import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const schema = () => new mongoose.Schema({ _id: String, n: Number });
const refuse = ({ n }: { n?: unknown }) => {
  if (n === 13) throw new Error('refused');
};
const Item = versioned(mongoose.model('Item', schema().plugin(chronos)));
const Checked = versioned(mongoose.model('Checked', schema().plugin(chronos, { validate: refuse })));
type ItemModel = typeof Item;

const upsert = { upsert: true } as const;

const UPSERTS: Readonly<Record<string, (Model: ItemModel, id: string, n: number) => Promise<unknown>>> = {
  'updateOne by $and': (Model, id, n) => Model.updateOne({ $and: [{ _id: id }] }, { n }, upsert),
  'updateOne by $or': (Model, id, n) => Model.updateOne({ $or: [{ _id: id }] }, { n }, upsert),
  'updateOne by $in': (Model, id, n) => Model.updateOne({ _id: { $in: [id] } }, { n }, upsert),
  'updateOne by a pipeline': (Model, id, n) =>
    Model.collection.updateOne({ n: -1 }, [{ $set: { _id: id, n } }] as never, upsert),
  updateMany: (Model, id, n) => Model.updateMany({ $and: [{ _id: id }] }, { n }, upsert),
  replaceOne: (Model, id, n) => Model.replaceOne({ $and: [{ _id: id }] }, { n }, upsert),
  findOneAndUpdate: (Model, id, n) => Model.findOneAndUpdate({ $and: [{ _id: id }] }, { n }, upsert).lean(),
  findOneAndReplace: (Model, id, n) => Model.findOneAndReplace({ $and: [{ _id: id }] }, { n }, upsert).lean(),
  bulkWrite: (Model, id, n) =>
    Model.bulkWrite([{ updateOne: { filter: { $and: [{ _id: id }] }, update: { n }, upsert: true } }]),
};

for (const [name, write] of Object.entries(UPSERTS)) {
  test(`an id that lived before goes on with its history when ${name} brings it back`, async () => {
    await Item.create({ _id: name, n: 0 });
    await Item.deleteOne({ _id: name });
    await write(Item, name, 2);
    const history = await Item.history(name);
    expect(history.map(({ ov, op, doc }) => [ov, op, doc?.n])).toEqual([
      [2, 'CREATE', 2],
      [1, 'DELETE', undefined],
      [0, 'CREATE', 0],
    ]);
    expect(await Item.verify()).toMatchObject({ ok: true, findings: [] });
  });

  test(`what ${name} inserts is checked`, async () => {
    await write(Checked as unknown as ItemModel, name, 2);
    await expect(write(Checked as unknown as ItemModel, `${name} refused`, 13)).rejects.toThrow('refused');
    expect(await Checked.find({ _id: { $regex: `^${name.replace('$', '\\$')}` } }).lean()).toMatchObject([{ n: 2 }]);
  });
}
