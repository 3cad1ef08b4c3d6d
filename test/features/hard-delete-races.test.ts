import type { ClientSession } from 'mongoose';
import { beforeEach, expect, test } from 'vitest';
import { committerBehind } from '../../src/capture/install.ts';
import { requireVersion } from '../../src/history/document-history.ts';
import { chronos, VersionNotFoundError, versioned } from '../../src/index.ts';
import { restoreVersion } from '../../src/restore/restore.ts';
import { allStored, whereFound } from '../support/all-stored.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();
const schema = new mongoose.Schema(
  { _id: String, name: String, notes: [String], n: Number },
  { collection: 'races', optimisticConcurrency: false },
);
schema.plugin(chronos);
const Race = versioned(mongoose.model('Race', schema));
const confirm = true;
const OLD = 'content that is to be gone';

beforeEach(async () => {
  for (const name of ['races', 'races_ver', 'races_locks']) await mongoose.connection.collection(name).deleteMany({});
});

async function nothingIsLeft(): Promise<void> {
  expect(whereFound(OLD, await allStored(mongoose))).toBe(false);
}

/** A document of two versions; a deleted one has a tombstone as well. */
async function old(id: string, deleted: boolean): Promise<void> {
  await Race.create({ _id: id, name: OLD, n: 0 });
  await Race.updateOne({ _id: id }, { n: 1 });
  if (deleted) await Race.deleteOne({ _id: id });
}

const NOTHING_NEW = { name: OLD };

/** What a transaction that began before the erasure may do after it, to a living document or to a deleted one. */
const LATE: readonly (readonly [string, boolean, (session: ClientSession) => PromiseLike<unknown>])[] = [
  ['update', false, (session) => Race.updateOne({ _id: 'x' }, { n: 2 }, { session })],
  ['delete', false, (session) => Race.deleteOne({ _id: 'x' }, { session })],
  ['enrich', false, (session) => Race.enrich('x', { notes: ['a'] }, { session })],
  ['restore', false, (session) => Race.restore('x', { ov: 0 }, { session })],
  ['restore a deleted one', true, (session) => Race.restore('x', { ov: 0 }, { session })],
  ['enrich a deleted one', true, (session) => Race.enrich('x', { n: 3 }, { session, includeDeleted: true })],
  ['create again', true, (session) => Race.create([{ _id: 'x', name: 'new' }], { session })],
  ['upsert', true, (session) => Race.updateOne({ _id: 'x' }, { n: 2 }, { session, upsert: true })],
  [
    'remember a result',
    false,
    (session) => Race.findOneAndUpdate({ _id: 'x' }, NOTHING_NEW, { session, chronos: { opId: 'late' } }).exec(),
  ],
  [
    'remember a result without an id',
    false,
    (session) => {
      const options = { session, projection: { _id: 0 }, chronos: { opId: 'late' } };
      return Race.findOneAndUpdate({ _id: 'x' }, NOTHING_NEW, options).exec();
    },
  ],
];

test.each(LATE)('a transaction that began before the erasure cannot %s after it', async (_, deleted, write) => {
  await old('x', deleted);
  const session = await mongoose.startSession();
  session.startTransaction({ readConcern: { level: 'snapshot' } });
  await Race.findById('x').session(session);
  await Race.hardDelete({ id: 'x' }, { confirm });
  const failed = await Promise.resolve(write(session)).catch((error: unknown) => error);
  expect(failed).toMatchObject({ errorLabels: expect.arrayContaining(['TransientTransactionError']) });
  await session.abortTransaction();
  await session.endSession();
  await nothingIsLeft();
});

test('a version that was read before the erasure is not restored after it, whatever there is by then', async () => {
  const committer = committerBehind(Race as never)!;
  for (const comesBack of [false, true]) {
    await old(`restored ${comesBack}`, false);
    const source = await requireVersion(committer.store, `restored ${comesBack}`, 0);
    await Race.hardDelete({ id: `restored ${comesBack}` }, { confirm });
    if (comesBack) await Race.create({ _id: `restored ${comesBack}`, name: 'new' });
    await expect(restoreVersion(committer, source, {}, {})).rejects.toBeInstanceOf(VersionNotFoundError);
    expect((await Race.findById(`restored ${comesBack}`))?.name).toBe(comesBack ? 'new' : undefined);
  }
  await nothingIsLeft();
});

test('beside writers of all kinds nothing of the old content stays', { timeout: 120_000 }, async () => {
  const ids = Array.from({ length: 12 }, (_, n) => `r${n}`);
  for (const [n, id] of ids.entries()) await old(id, n % 2 === 1);
  const erased = new Set<string>();
  let calls = 0;
  /** Goes on with what is not erased yet; how the call ends is for the database to say. */
  const writer = async (write: (id: string) => PromiseLike<unknown>) => {
    for (let n = 0; erased.size < ids.length; n++) {
      const id = ids[n % ids.length]!;
      if (erased.has(id)) continue;
      calls += 1;
      await Promise.resolve(write(id)).catch(() => undefined);
    }
  };
  const writers = [
    (id: string) => Race.updateOne({ _id: id }, { $inc: { n: 1 } }),
    (id: string) => Race.restore(id, { ov: 0 }),
    (id: string) => Race.enrich(id, { notes: ['x'] }, { includeDeleted: true }),
    (id: string) => Race.deleteOne({ _id: id }),
    (id: string) => Race.create({ _id: id, name: 'new' }),
    (id: string) => Race.findOneAndUpdate({ _id: id }, { $inc: { n: 0 } }, { chronos: { opId: `${id} ${calls}` } }),
    (id: string) => Race.findOneAndUpdate({ _id: id }, { $inc: { n: 1 } }, { chronos: { opId: `${id} again` } }),
    () => Race.updateMany({}, { $inc: { n: 1 } }),
    () => Race.compact(),
  ].map(writer);
  for (const id of ids) {
    await Race.hardDelete({ id }, { confirm });
    erased.add(id);
  }
  await Promise.all(writers);
  await nothingIsLeft();
  expect(calls).toBeGreaterThan(100);
  expect(await Race.verify()).toMatchObject({ ok: true, findings: [] });
});
