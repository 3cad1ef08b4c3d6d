import { expect, test } from 'vitest';
import { mongooseUnderTest } from '../support/database.ts';
import { killAtSteps } from '../support/kills/kill-at-steps.ts';
import { killableScript } from '../support/kills/killable-script.ts';
import { serverForKills } from '../support/own-server.ts';
import { headsOf, recordsOf } from '../support/stored.ts';
import { type ItemModel, itemModel } from './writer.ts';

const mongoose = await mongooseUnderTest();
const uri = await serverForKills(mongoose, 'kills');
const script = await killableScript('test/faults/killed-eraser.ts');

/** More versions than go in one transaction. */
const VERSIONS = 1_100;
const SECRET = 'secret';

async function seed(Model: ItemModel): Promise<void> {
  await Model.insertMany(['long', 'gone', 'stays'].map((_id) => ({ _id, n: 0, tags: [SECRET] })));
  const [one] = await recordsOf(Model).find().toArray();
  expect(one).toBe(undefined);
  await Model.updateOne({ _id: 'long' }, { n: 1 });
  await Model.deleteOne({ _id: 'gone' });
  await Model.findOneAndUpdate({ _id: 'long' }, { $set: { n: 2 } }, { chronos: { opId: 'once' } });
  await lengthen(Model);
}

/** Gives a document a history as long as many writes do. */
async function lengthen(Model: ItemModel): Promise<void> {
  const records = recordsOf(Model);
  const last = await records.findOne({ '_id.id': 'long', '_id.ov': 1 });
  const system = last?._system as { until: Date };
  const more = Array.from({ length: VERSIONS - 2 }, (_, n) => ({
    ...last,
    _id: { id: 'long', ov: n + 2 },
    _system: { ...system, ov: n + 2, updatedAt: system.until },
  }));
  await records.insertMany(more as never[]);
  await headsOf(Model).updateOne({ _id: 'long' } as never, { $set: { '_system.ov': VERSIONS } });
}

/** What is stored of everything but the document that stays. */
async function secrets(Model: ItemModel): Promise<number> {
  const isSecret = { _id: { $ne: 'stays' }, tags: SECRET } as never;
  const locks = mongoose.connection.db!.collection(`${Model.collection.name}_locks`);
  const counts = [
    headsOf(Model).countDocuments(isSecret),
    recordsOf(Model).countDocuments(isSecret),
    locks.countDocuments({ 'result.tags': SECRET }),
  ];
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

test('killed before any of its commands, an erasure is finished by the same call or by recover', {
  timeout: 300_000,
}, async () => {
  const all = itemModel(mongoose, 'all');
  await seed(all);
  const { killed, sent } = await script.run(uri, 'all', '0');
  expect(killed).toBe(false);
  expect(await secrets(all)).toBe(0);
  // A count that shrinks unseen would make this test one of nothing.
  expect(sent).toBeGreaterThan(20);
  await killAtSteps(sent, 1, killAndFinish);
});

async function killAndFinish(nth: number): Promise<void> {
  const Model = itemModel(mongoose, `kill-${nth}`);
  await seed(Model);
  const before = await headsOf(Model).findOne({ _id: 'stays' } as never);
  expect(await script.run(uri, `kill-${nth}`, String(nth)), `command ${nth}`).toMatchObject({ killed: true });
  const { counts } = await Model.verify();
  expect(Object.keys(counts).filter((kind) => kind !== 'unfinished-erasure')).toEqual([]);
  if (nth % 2 === 0) {
    expect((await Model.recover()).repaired).toEqual(counts);
  }
  await Model.hardDelete({ ids: ['long', 'gone'] }, { confirm: true, reason: 'request 42' });
  expect(await secrets(Model), `command ${nth}`).toBe(0);
  expect(await headsOf(Model).findOne({ _id: 'stays' } as never)).toEqual(before);
  expect(await Model.verify(), `command ${nth}`).toMatchObject({ ok: true, findings: [], documents: 3, versions: 3 });
  expect(await Model.history('long')).toMatchObject([{ ov: VERSIONS + 1, op: 'ERASE', reason: 'request 42' }]);
}
