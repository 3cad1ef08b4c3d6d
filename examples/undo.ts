// Undo: look at a document's versions, see what changed, and put an old one back.
import mongoose from 'mongoose';
import { type ChronosModelType, chronos } from '../src/index.ts';

interface Page {
  title: string;
  tags: string[];
}

const schema = new mongoose.Schema<Page, ChronosModelType<Page>>({ title: String, tags: [String] });
schema.plugin(chronos);
const Page = mongoose.model<Page, ChronosModelType<Page>>('Page', schema);

await mongoose.connect(process.env.MONGODB_URI ?? 'mongodb://127.0.0.1:27017/?replicaSet=rs0', { dbName: 'wiki' });

const page = await Page.create({ title: 'Opening hours', tags: ['shop'] });
page.tags.push('holidays');
await page.save({ chronos: { actor: 'ben', reason: 'holidays are near' } });
await Page.updateOne({ _id: page._id }, { title: 'OPENNING HOURS!!' }, { chronos: { actor: 'eve', reason: 'louder' } });

for (const { ov, op, from, actor, reason, doc } of await Page.history(page._id)) {
  console.log(ov, op, from?.toISOString(), actor ?? '-', reason ?? '-', doc?.title);
}
console.log('what eve did:', await Page.diff(page._id, 1, 2));

await Page.restore(page._id, { ov: 1 }, { actor: 'ana', reason: 'back to calm' });
console.log('restored:', await Page.findById(page._id).lean());
console.log('versions now:', (await Page.history(page._id)).length);

await mongoose.disconnect();
