// An app that already exists. Everything in it stays as it was; the marked line is new.
import mongoose from 'mongoose';
import { type ChronosModelType, chronos, runInChronosContext } from '../src/index.ts';

interface Article {
  title: string;
  stock: number;
}

const schema = new mongoose.Schema<Article, ChronosModelType<Article>>({ title: String, stock: Number });
schema.plugin(chronos); // <- the new line
const Article = mongoose.model<Article, ChronosModelType<Article>>('Article', schema);

await mongoose.connect(process.env.MONGODB_URI ?? 'mongodb://127.0.0.1:27017/?replicaSet=rs0', { dbName: 'shop' });
await Article.deleteMany({});

const lamp = await Article.create({ title: 'Lamp', stock: 5 });
await Article.create({ title: 'Chair', stock: 2 });
const monday = new Date();
await new Promise((resolve) => setTimeout(resolve, 5));

// The app's own code, unchanged: whatever it calls, a version is kept.
await runInChronosContext({ actor: 'ana', reason: 'spring sale' }, async () => {
  await Article.updateMany({}, { $inc: { stock: -1 } });
  await Article.findOneAndUpdate({ title: 'Chair' }, { title: 'Armchair' });
  await Article.deleteOne({ _id: lamp._id });
});

const byTitle = { title: 1, stock: 1, _id: 0 } as const;
console.log('now:   ', await Article.find({}, byTitle).sort('title').lean());
console.log('monday:', await Article.asOf(monday).find({}, byTitle).sort('title').lean());

await mongoose.disconnect();
