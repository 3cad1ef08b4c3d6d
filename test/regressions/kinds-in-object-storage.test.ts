import { expect, test } from 'vitest';
import { type ChronosModelType, chronos, MemoryPayloadStore } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

interface Paper {
  title: string;
  rank: number;
  pages?: number;
  text: string;
}

test.each(['root', 'kind'])(
  'what stays in MongoDB of all kinds is the same, where the %s is used first',
  async (first) => {
    const schema = new mongoose.Schema<Paper, ChronosModelType<Paper>>(
      { title: String, rank: Number, text: String } as never,
      { collection: `papers-${first}` } as never,
    );
    schema.index({ rank: 1 });
    schema.plugin(chronos, { indexed: ['title'], payload: { json: new MemoryPayloadStore() } });
    const Paper = mongoose.model<Paper, ChronosModelType<Paper>>(`Paper-${first}`, schema);
    const pages = new mongoose.Schema({ pages: { type: Number, index: true } });
    const Report = Paper.discriminator(`Report-${first}`, pages) as unknown as typeof Paper;
    const inOrder = first === 'root' ? [Paper, Report] : [Report, Paper];
    for (const model of inOrder) await model.create({ title: 'a', rank: 7, pages: 3, text: 'text' } as never);
    await Paper.flush();
    await Paper.markItemsAsProcessedByTTL(0, { confirm: true });
    expect(await Paper.find({ rank: 7 }).lean()).toMatchObject([{ text: 'text' }, { text: 'text' }]);
    expect(await Report.find({ pages: 3, rank: 7 }).lean()).toMatchObject([{ text: 'text' }]);
    expect(await Paper.aggregate([{ $match: { rank: 7 } }, { $group: { _id: '$rank', n: { $sum: 1 } } }])).toEqual([
      { _id: 7, n: 2 },
    ]);
    expect(await Report.aggregate([{ $match: { pages: 3 } }, { $project: { rank: 1, _id: 0 } }])).toEqual([
      { rank: 7 },
    ]);
  },
);
