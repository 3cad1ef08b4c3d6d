import type { Mongoose } from 'mongoose';
import { type ChronosModelType, chronos } from '../../src/index.ts';

/** The writes that are cut short, and the documents they are done to. */
export interface Item {
  _id: string;
  n?: number;
  tags?: string[];
}

export type ItemModel = ChronosModelType<Item>;

export function itemModel(mongoose: Mongoose, collection: string): ItemModel {
  const schema = new mongoose.Schema<Item, ItemModel>(
    { _id: String, n: Number, tags: [String] } as never,
    {
      collection,
      autoIndex: false,
      autoCreate: false,
    } as never,
  );
  schema.plugin(chronos);
  return mongoose.model<Item, ItemModel>(collection, schema);
}

/** Documents of two versions each; `gone` is deleted. */
export async function seed(Model: ItemModel): Promise<void> {
  const ids = ['updateOne', 'save', 'findOneAndUpdate', 'many 1', 'many 2', 'bulk 1', 'bulk 2', 'deleteOne'];
  await Model.insertMany([...ids, 'restore', 'enrich', 'gone'].map((_id) => ({ _id, n: 0 })));
  await Model.updateMany({}, { n: 1 });
  await Model.deleteOne({ _id: 'gone' });
}

/** Each of them changes documents of its own, and from what they were makes known what they become. */
export const WRITES: Readonly<Record<string, (Model: ItemModel) => Promise<unknown>>> = {
  create: (Model) => Model.create([{ _id: 'created', n: 2 }]),
  updateOne: (Model) => Model.updateOne({ _id: 'updateOne' }, { $inc: { n: 1 } }),
  save: async (Model) => {
    const item = await Model.findById('save').orFail();
    item.n = 2;
    await item.save();
  },
  findOneAndUpdate: (Model) => Model.findOneAndUpdate({ _id: 'findOneAndUpdate' }, { $inc: { n: 1 } }),
  updateMany: (Model) => Model.updateMany({ _id: /^many/ }, { $inc: { n: 1 } }),
  bulkWrite: (Model) =>
    Model.bulkWrite([
      { updateOne: { filter: { _id: 'bulk 1' }, update: { $inc: { n: 1 } } } },
      { deleteOne: { filter: { _id: 'bulk 2' } } },
      { insertOne: { document: { _id: 'bulk 3', n: 2 } } },
    ] as never),
  deleteOne: (Model) => Model.deleteOne({ _id: 'deleteOne' }),
  restore: (Model) => Model.restore('restore', { ov: 0 }),
  'restore of a deleted one': (Model) => Model.restore('gone', { ov: 0 }),
  enrich: (Model) => Model.enrich('enrich', { tags: ['x'] }),
};
