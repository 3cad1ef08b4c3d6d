import { expect, test } from 'vitest';
import { type ChronosPluginOptions, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import {
  type Author,
  type Authors,
  clock,
  day,
  describeTransparency,
  type Models,
  type Paper,
  type Papers,
  seed,
  takeAway,
} from '../support/reads-and-writes.ts';
import { SwitchedStore } from '../support/switched-store.ts';

/** Every way to read and to write, asked of a model whose documents are whole in MongoDB, and of one whose are not. */

const mongoose = await testDatabase();

const store = new SwitchedStore();

/** The same models with their payloads in MongoDB, and in object storage. */
function models(suffix: string, options: ChronosPluginOptions): Models {
  const authors = new mongoose.Schema<Author, Authors>({ _id: Number, name: String, bio: String } as never);
  authors.plugin(chronos, { clock, ...options, indexed: ['name'] });
  const Author = mongoose.model<Author, Authors>(`Author${suffix}`, authors, `authors${suffix}`);
  const papers = new mongoose.Schema<Paper, Papers>(
    {
      _id: Number,
      title: { type: String, required: true },
      rank: { type: Number, default: 1 },
      text: { type: String, maxlength: 100 },
      file: String,
      items: [{ sku: String, qty: Number, note: String }],
      meta: { type: Map, of: String },
      nested: { deep: { a: Number, b: [Number] } },
      author: { type: Number, ref: `Author${suffix}` },
    } as never,
    { timestamps: { currentTime: clock.now }, discriminatorKey: 'kind', optimisticConcurrency: true } as never,
  );
  papers.virtual('shout').get(function (this: Paper) {
    return `${this.text}!`;
  });
  papers.index({ rank: 1 });
  const base64 = { file: { contentType: 'application/pdf' } };
  papers.plugin(chronos, { clock, ...options, indexed: ['title', 'items.sku', 'author'], base64 });
  const Paper = mongoose.model<Paper, Papers>(`Paper${suffix}`, papers, `papers${suffix}`);
  const Report = Paper.discriminator(`Report${suffix}`, new mongoose.Schema({ pages: Number }), 'report');
  return { Author, Paper, Report: Report as unknown as Papers };
}
const whole = models('Whole', {});
const away = models('Away', { payload: { json: store, prefix: 'app' } });

describeTransparency(whole, away);

test('what is indexed is read, counted and populated without any object', async () => {
  await seed(away);
  await takeAway(away);
  const { get } = store.calls;
  const { Paper, Report, Author } = away;
  expect(await Paper.find({ 'items.sku': 'a' }).select('title rank').sort('rank').lean()).toHaveLength(2);
  expect(await Paper.find().select('title author').populate('author', 'name').lean()).toHaveLength(3);
  expect(await Report.find({ rank: 1 }).select('title kind')).toHaveLength(1);
  expect(await Paper.asOf(day(1)).find().select('title').lean()).toHaveLength(4);
  expect(await Author.distinct('name')).toHaveLength(2);
  await Paper.deleteOne({ rank: 1 });
  expect(store.calls.get).toBe(get);
});
