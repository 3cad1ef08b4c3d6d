import { expect, test } from 'vitest';
import { mongooseUnderTest } from '../support/database.ts';
import { killAtSteps } from '../support/kills/kill-at-steps.ts';
import { killableScript } from '../support/kills/killable-script.ts';
import { serverForKills } from '../support/own-server.ts';
import { itemModel, seed } from './writer.ts';

const mongoose = await mongooseUnderTest();
const uri = await serverForKills(mongoose, 'kills');

const script = await killableScript('test/faults/killed-child.ts');

/** Lets a child do all writes until its nth command. */
const child = (collection: string, nth: number) => script.run(uri, collection, String(nth));

/** What a document may be: as it was seeded, or as its write leaves it. */
const OUTCOMES: Readonly<Record<string, readonly unknown[]>> = {
  created: [undefined, 2],
  updateOne: [1, 2],
  save: [1, 2],
  findOneAndUpdate: [1, 2],
  'many 1': [1, 2],
  'many 2': [1, 2],
  'bulk 1': [1, 2],
  'bulk 2': [1, undefined],
  'bulk 3': [undefined, 2],
  deleteOne: [1, undefined],
  restore: [1, 0],
  gone: [undefined, 0],
  enrich: [1, 1],
};

test('killed before any of its commands, a process leaves whole writes and whole histories', {
  timeout: 300_000,
}, async () => {
  const all = itemModel(mongoose, 'all');
  await seed(all);
  const { killed, sent } = await child('all', 0);
  expect(killed).toBe(false);
  // A count that shrinks unseen would make this test one of nothing.
  expect(sent).toBeGreaterThan(35);
  await killAtSteps(sent, 1, killAndCheck);
});

async function killAndCheck(nth: number): Promise<void> {
  const Model = itemModel(mongoose, `kill-${nth}`);
  await seed(Model);
  expect(await child(`kill-${nth}`, nth), `command ${nth}`).toMatchObject({ killed: true });
  const found = new Map((await Model.find().lean()).map(({ _id, n }) => [_id, n]));
  for (const [id, outcomes] of Object.entries(OUTCOMES)) {
    expect(outcomes, `${id} after a kill before command ${nth}`).toContain(found.get(id));
  }
  expect(found.get('many 1')).toBe(found.get('many 2'));
  expect(await Model.verify(), `command ${nth}`).toMatchObject({ ok: true, findings: [] });
  expect(await Model.recover()).toMatchObject({ repaired: {} });
}
