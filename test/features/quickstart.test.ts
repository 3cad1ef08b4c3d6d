import { expect, test } from 'vitest';
import { loadReleases, parseHistory } from '../../examples/quickstart/releases.ts';
import { changesBetween, mimeTypeModel, mostChanged, type Replayed, replay } from '../../examples/quickstart/replay.ts';
import { type Answer, askAt, fileAsOf, verify } from '../../examples/quickstart/time-travel.ts';
import { testDatabase } from '../support/database.ts';

// 1.5.0 removes types and 1.32.0 replaces some: every kind of write of the replay is in.
const VERSIONS = ['1.0.0', '1.3.1', '1.5.0', '1.32.0', '1.54.0'];

const mongoose = await testDatabase();
const model = mimeTypeModel(mongoose);
const releases = await loadReleases(VERSIONS);
const replayed: Replayed[] = [];
for await (const step of replay(model, releases)) replayed.push(step);
const id = mostChanged(releases);

test('a replayed release reads back as its own file', async () => {
  expect(releases.map(({ version }) => version)).toEqual(VERSIONS);
  expect(replayed.some(({ removed }) => removed > 0)).toBe(true);
  for (const { at, file } of releases) expect(await fileAsOf(model, at)).toStrictEqual(file);
});

test('verify reports every release as equal', async () => {
  for await (const { equal, release, types } of verify(model, releases)) {
    expect({ equal, types }).toEqual({ equal: true, types: Object.keys(release.file).length });
  }
});

test('an instant between two releases answers with the earlier one, one before them all with nothing', async () => {
  for (const { at, file } of releases) expect(await fileAsOf(model, new Date(at.getTime() + 1))).toStrictEqual(file);
  expect(await fileAsOf(model, new Date(releases[0]!.at.getTime() - 1))).toEqual({});
});

test('a filtered, sorted query of the past answers as the release in force does', async () => {
  const answers: Answer[] = [];
  const instants = [new Date('2015-01-01'), new Date('2020-01-01')];
  for await (const answer of askAt(model, releases, instants)) answers.push(answer);
  expect(answers.map(({ release, answer, equal }) => [release.version, answer.join(' '), equal])).toEqual([
    ['1.5.0', 'psd svg', true],
    ['1.32.0', 'bmp otf psd svg', true],
  ]);
});

test('the plan of a restore counts what the two files tell', async () => {
  const { added, changed, removed } = changesBetween(releases[3]!.file, releases[4]!.file);
  expect(await model.restoreCollection({ at: releases[3]!.at }, { dryRun: true })).toMatchObject({
    restored: changed.length,
    recreated: removed.length,
    deleted: added.length,
  });
});

test('each version tells its date, who and why, and a restore adds one', async () => {
  const before = await model.history(id);
  const written = releases.filter(({ at }) => before.some(({ from }) => from?.getTime() === at.getTime())).reverse();
  expect(before.map(({ actor, reason }) => ({ actor, reason }))).toEqual(
    written.map(({ version, why }) => ({ actor: `mime-db ${version}`, reason: why })),
  );
  await model.restore(id, { ov: 0 }, { actor: 'ana', reason: 'undo' });
  const { _id, ...entry } = (await model.findById(id).lean())!;
  expect(entry).toEqual(releases[0]!.file[id]);
  expect(await model.history(id)).toHaveLength(before.length + 1);
  expect((await model.history(id, { limit: 1 }))[0]).toMatchObject({ op: 'RESTORE', actor: 'ana', reason: 'undo' });
});

test('a date before the last version of the document is refused', async () => {
  const late = { chronos: { at: releases[0]!.at } };
  await expect(model.updateOne({ _id: id }, { $set: { source: 'nginx' } }, late)).rejects.toThrow(
    'Import versions in the order of their dates',
  );
  expect((await model.findById(id).lean())?.source).not.toBe('nginx');
});

test('releases of one day are an hour apart in their order', () => {
  const entry = (version: string) => `${version} / 2014-08-30\n===\n\n  * Change of ${version}\n    more\n`;
  expect(parseHistory(`${entry('1.0.1')}\n${entry('1.0.0')}`)).toEqual([
    { version: '1.0.0', at: new Date('2014-08-30T00:00:00Z'), why: 'Change of 1.0.0' },
    { version: '1.0.1', at: new Date('2014-08-30T01:00:00Z'), why: 'Change of 1.0.1' },
  ]);
});
