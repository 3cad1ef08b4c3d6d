import { beforeAll, expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

interface Author {
  _id: number;
  name: string;
}

interface Book {
  _id: number;
  genre: string;
  year: number;
  author: number;
}

const mongoose = await testDatabase();
const at = new Date('2026-01-01T00:00:00Z');
let now = at;
const clock = { now: () => now };

const authorSchema = new mongoose.Schema<Author, ChronosModelType<Author>>({ _id: Number, name: String });
authorSchema.plugin(chronos, { clock });
const Author = mongoose.model<Author, ChronosModelType<Author>>('Author', authorSchema);

const bookSchema = new mongoose.Schema<Book, ChronosModelType<Book>>({
  _id: Number,
  genre: { type: String, index: true },
  year: Number,
  author: { type: Number, ref: 'Author' },
});
bookSchema.index({ genre: 1, year: -1 });
bookSchema.plugin(chronos, { clock });
const Book = mongoose.model<Book, ChronosModelType<Book>>('Book', bookSchema);

const numberedSchema = new mongoose.Schema<Book, ChronosModelType<Book>>({ _id: Number, genre: String, year: Number });
numberedSchema.index({ genre: 1, year: -1 });
numberedSchema.plugin(chronos, { clock, collectionVersion: true });
const Numbered = mongoose.model<Book, ChronosModelType<Book>>('Numbered', numberedSchema);

beforeAll(async () => {
  await Promise.all([Author.init(), Book.init(), Numbered.init()]);
  const numbers = Array.from({ length: 300 }, (_, n) => n);
  await Author.insertMany(numbers.map((_id) => ({ _id, name: `a${_id}` })));
  await Book.insertMany(numbers.map((_id) => ({ _id, genre: `g${_id % 10}`, year: _id, author: _id })));
  await Numbered.insertMany(numbers.map((_id) => ({ _id, genre: `g${_id % 10}`, year: _id, author: _id })));
  await Numbered.updateMany({}, { $inc: { year: 1 } });
  for (let round = 1; round <= 3; round++) {
    now = new Date(at.getTime() + round * 1000);
    await Author.updateMany({ _id: { $lt: 200 } }, { $set: { name: `round ${round}` } });
    await Book.updateMany({ _id: { $lt: 200 } }, { $inc: { year: 1 } });
  }
});

/** Every stage of a plan, from the root down. */
function stagesOf(plan: unknown): string[] {
  if (typeof plan !== 'object' || plan === null) return [];
  const { stage } = plan as { stage?: unknown };
  const own = typeof stage === 'string' ? [stage] : [];
  return [...own, ...Object.entries(plan).flatMap(([key, part]) => (key === 'rejectedPlans' ? [] : stagesOf(part)))];
}

async function plansOf(query: { explain(verbosity: 'executionStats'): unknown }): Promise<Record<string, string[]>> {
  const plans = (await query.explain('executionStats')) as Record<string, { queryPlanner: unknown }>;
  return Object.fromEntries(Object.entries(plans).map(([side, { queryPlanner }]) => [side, stagesOf(queryPlanner)]));
}

test('what an index finds in the present an index finds on both sides of the past', async () => {
  for (const query of [
    Book.find({ genre: 'g3' }),
    Book.find({ genre: { $in: ['g3', 'g4'] } }),
    Book.find({ genre: 'g3' }).sort({ year: -1 }).limit(5),
    Book.find({ genre: 'g3', year: { $gt: 100 } }),
    Book.find({ $or: [{ _id: 5 }, { genre: 'g7' }] }),
    Book.find({ _id: { $in: [1, 2, 3] } }),
    Book.find({ _id: { $gt: 250 } }),
    Book.findOne({ _id: 7 }),
  ]) {
    const { head, versions } = await plansOf(query.asOf(new Date(at.getTime() + 1500)));
    for (const stages of [head, versions]) {
      expect(stages).toContain('IXSCAN');
      expect(stages).not.toContain('COLLSCAN');
    }
  }
});

test('the same as of a collection version', async () => {
  for (const query of [
    Numbered.find({ genre: 'g3' }),
    Numbered.find({ genre: { $in: ['g3', 'g4'] } }),
    Numbered.find({ genre: 'g3' }).sort({ year: -1 }).limit(5),
    Numbered.find({ _id: { $in: [1, 2, 3] } }),
  ]) {
    const { head, versions } = await plansOf(query.asOf({ cv: 150 }));
    for (const stages of [head, versions]) {
      expect(stages).toContain('IXSCAN');
      expect(stages).not.toContain('COLLSCAN');
    }
  }
});

test('the sort that an index gives in the present it gives on both sides of the past', async () => {
  const query = Book.find({ genre: 'g3' }).sort({ year: -1 }).limit(5).asOf(at);
  const { head, versions } = await plansOf(query);
  expect(head).not.toContain('SORT');
  expect(versions).not.toContain('SORT');
});

test('even all documents of an instant are found by an index, not by reading all versions', async () => {
  const { versions } = await plansOf(Book.find().asOf(at));
  expect(versions).not.toContain('COLLSCAN');
});

test('a hundred refs are populated by one query, with an index on both sides', async () => {
  const queries: string[] = [];
  mongoose.set('debug', (collection: string, method: string) => void queries.push(`${collection}.${method}`));
  const books = await Book.asOf(at)
    .find({ _id: { $lt: 100 } })
    .populate('author');
  mongoose.set('debug', false);
  expect(queries).toEqual(['books.find', 'authors.find']);
  expect(books.map(({ author }) => (author as unknown as Author).name)).toEqual(books.map(({ _id }) => `a${_id}`));
  const plans = await plansOf(Author.find({ _id: { $in: books.map(({ _id }) => _id) } }).asOf(at));
  for (const stages of Object.values(plans)) {
    expect(stages).toContain('IXSCAN');
    expect(stages).not.toContain('COLLSCAN');
  }
});
