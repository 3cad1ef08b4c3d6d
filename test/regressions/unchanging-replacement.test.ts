import { expect, test } from 'vitest';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema({ word: String });
const Plain = mongoose.model('PlainReplacement', schema.clone());
schema.plugin(chronos);
const Versioned = versioned(mongoose.model('VersionedReplacement', schema));

const _id = new mongoose.Types.ObjectId();
const replacements = [{ word: 'x' }, { _id, word: 'x' }, { word: 'x', _id }];

test.each(replacements)(
  'replacing a document by itself (%o) counts as it does on plain MongoDB',
  async (replacement) => {
    const replaceOne = { filter: { _id }, replacement };
    const counts = [];
    for (const { collection } of [Plain, Versioned]) {
      await collection.deleteMany({});
      await collection.insertOne({ _id, word: 'x' });
      const session = await mongoose.startSession();
      const inSession = await session.withTransaction(() =>
        collection.replaceOne({ _id }, { ...replacement }, { session }),
      );
      await session.endSession();
      const alone = await collection.replaceOne({ _id }, { ...replacement });
      const sorted = await collection.replaceOne({ _id }, { ...replacement }, { collation: { locale: 'en' } });
      const bulk = await collection.bulkWrite([{ replaceOne }]);
      counts.push(
        [inSession, alone, sorted, bulk].map(({ matchedCount, modifiedCount }) => [matchedCount, modifiedCount]),
      );
    }
    expect(counts[1]).toEqual(counts[0]);
    const history = await Versioned.history(_id);
    expect(history.filter(({ op }) => op === 'UPDATE')).toEqual([]);
  },
);
