import { expect, test } from 'vitest';
import { mongooseUnderTest } from '../support/database.ts';
import { killAtSteps } from '../support/kills/kill-at-steps.ts';
import { killableScript } from '../support/kills/killable-script.ts';
import { serverForKills } from '../support/own-server.ts';
import { countedItems } from './counted-items.ts';

const mongoose = await mongooseUnderTest();
const uri = (await serverForKills(mongoose, 'kills')).replace('?', '?monitorCommands=true&');
const script = await killableScript('test/faults/killed-counter.ts');

/** One command of so many is a last one, of fewer on Mongoose 8; `CHRONOS_TEST_KILLS=1` kills at every single one. */
const EVERY = Number(process.env.CHRONOS_TEST_KILLS ?? (process.env.CHRONOS_TEST_MONGOOSE === '8' ? 15 : 6));

const child = (name: string, rounds: number, nth: number) => script.run(uri, name, String(rounds), String(nth));

/** Documents with versions that are counted somewhere else. */
async function seed(name: string): Promise<void> {
  const { chronos, items } = countedItems(mongoose, uri, name, `${name}-elsewhere`);
  const { insertedIds } = await items.model.collection.insertMany([1, 2, 3, 4].map((n) => ({ n })));
  await items.delete(insertedIds[0]);
  await items.update(insertedIds[1], { n: 5 });
  await chronos.close();
}

/** What is counted is what there is, told by whoever counts all of it for the first time. */
async function expectCounted(name: string, what: string): Promise<void> {
  const counted = countedItems(mongoose, uri, name);
  const anew = countedItems(mongoose, uri, name, `${name}-anew`);
  const totals = await counted.totals();
  expect(totals, what).toEqual(await anew.totals());
  const { created, updated, deleted } = totals;
  const versions = mongoose.connection.getClient().db(name);
  const counter = await versions.collection<{ _id: string; value: number }>('items_counter').findOne({ _id: 'cv' });
  expect(created + updated + deleted, what).toBe(counter?.value);
  await Promise.all([counted.chronos.close(), anew.chronos.close()]);
}

test('killed before any of its commands, a process leaves no version uncounted and none counted twice', {
  timeout: 300_000,
}, async () => {
  await seed('whole');
  const { killed, sent } = await child('whole', 1, 0);
  expect(killed).toBe(false);
  // A count that shrinks unseen would make this test one of nothing.
  expect(sent).toBeGreaterThan(35);
  await killAtSteps(sent, EVERY, async (nth) => {
    await seed(`kill-${nth}`);
    expect(await child(`kill-${nth}`, 1, nth), `command ${nth}`).toMatchObject({ killed: true });
    await expectCounted(`kill-${nth}`, `after a kill before command ${nth}`);
  });
});

test('processes that write and count at once count each version once', { timeout: 300_000 }, async () => {
  const children = await Promise.all([1, 2, 3].map(() => child('together', 8, 0)));
  expect(children.map(({ killed }) => killed)).toEqual([false, false, false]);
  const { chronos, totals } = countedItems(mongoose, uri, 'together');
  expect(await totals()).toMatchObject({ created: 24, updated: 24, deleted: 12 });
  await chronos.close();
  await expectCounted('together', 'together');
});
