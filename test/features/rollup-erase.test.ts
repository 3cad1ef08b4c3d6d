import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type ChronosModelType, chronos } from '../../src/index.ts';
import type { DeleteOptions } from '../../src/payload/payload-store.ts';
import { testDatabase } from '../support/database.ts';
import { everything, whereFound } from '../support/everything.ts';
import { retain } from '../support/retain.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface Doc {
  _id: string;
  text: string;
}

/** A store that keeps older versions of its objects, as buckets with versioning do. */
class VersionedStore extends SwitchedStore {
  readonly older = new Set<string>();

  override async delete(key: string, options?: DeleteOptions) {
    if (options?.allVersions === true) this.older.delete(key);
    else this.older.add(key);
    return super.delete(key);
  }
}

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const confirm = true;
let made = 0;

function modelOf() {
  made += 1;
  const clock = { day: 0, now: () => new Date(START + clock.day * DAY) };
  const versions = new VersionedStore('memory versions');
  const schema = new mongoose.Schema<Doc, ChronosModelType<Doc>>(
    { _id: String, text: String } as never,
    { collection: `erased${made}` } as never,
  );
  schema.plugin(chronos, { clock, retention: { days: 10, rollUp: { versions } } });
  const Doc = mongoose.model<Doc, ChronosModelType<Doc>>(`Erased${made}`, schema);
  return { Doc, clock, versions };
}

const PLANTED = Array.from({ length: 12 }, (_, n) => `planted ${n}.`);

async function found(versions: VersionedStore): Promise<string[]> {
  const keys = await versions.keys();
  const objects = await Promise.all(keys.map(async (key) => gunzipSync(await versions.get(key))));
  const rows = [...(await everything(mongoose)), ...objects];
  return PLANTED.filter((text) => whereFound(text, rows));
}

async function plant({ Doc, clock }: ReturnType<typeof modelOf>): Promise<void> {
  for (const [n, text] of PLANTED.entries()) {
    clock.day = n * 8;
    await Doc.updateOne({ _id: 'subject' }, { text }, { upsert: true });
    await Doc.updateOne({ _id: 'other' }, { text: `other ${n}` }, { upsert: true });
  }
}

test('an erased document is in no manifest any more, wherever it was thawed, and others stay', async () => {
  const setup = modelOf();
  const { Doc, versions } = setup;
  await plant(setup);
  await retain(Doc);
  const history = await Doc.history('other', { lean: true });
  await Doc.asOf(new Date(START + 20 * DAY)).find();
  expect(await found(versions)).toEqual(PLANTED);
  expect(await Doc.hardDelete({ id: 'subject' }, { dryRun: true })).toMatchObject({ versions: 12 });
  await Doc.hardDelete({ id: 'subject' }, { confirm });
  expect(await found(versions)).toEqual([]);
  expect([...versions.older]).toEqual([]);
  expect(await Doc.history('other', { lean: true })).toEqual(history);
  expect(await Doc.history('subject')).toMatchObject([{ op: 'ERASE' }]);
  expect(await Doc.getVersion('subject', 2)).toBe(null);
  expect(
    await Doc.asOf(new Date(START + 20 * DAY))
      .find()
      .lean(),
  ).toMatchObject([{ _id: 'other', text: 'other 2' }]);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
});

test('while object storage does not answer the erasure is unfinished, and recover ends it', async () => {
  const setup = modelOf();
  const { Doc, versions } = setup;
  await plant(setup);
  await retain(Doc);
  versions.isOn = false;
  await expect(Doc.hardDelete({ id: 'subject' }, { confirm })).rejects.toMatchObject({ name: 'StorageError' });
  versions.isOn = true;
  expect((await Doc.verify()).counts).toMatchObject({ 'unfinished-erasure': 1 });
  expect((await Doc.recover()).repaired).toEqual({ 'unfinished-erasure': 1 });
  expect(await found(versions)).toEqual([]);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
});

test('a manifest that is being written while a document is erased does not count, and leaves nothing', async () => {
  const setup = modelOf();
  const { Doc, versions } = setup;
  await plant(setup);
  versions.beforePut = async () => {
    versions.beforePut = async () => {};
    await Doc.hardDelete({ id: 'subject' }, { confirm });
  };
  await retain(Doc);
  await retain(Doc);
  expect(await found(versions)).toEqual([]);
  expect([...versions.older]).toEqual([]);
  expect(await Doc.verify()).toMatchObject({ ok: true, findings: [] });
  expect((await Doc.history('other')).map(({ ov }) => ov)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
});
