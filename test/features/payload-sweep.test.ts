import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos, type SystemFields } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { SwitchedStore } from '../support/switched-store.ts';

const mongoose = await testDatabase();

interface File {
  _id: string;
  title: string;
  body?: string;
  file?: string;
}

type FileModel = ChronosModelType<File>;

function modelOn(collection: string, json: SwitchedStore, content: SwitchedStore): FileModel {
  const schema = new mongoose.Schema<File, FileModel>(
    { _id: String, title: String, body: String, file: String } as never,
    { collection } as never,
  );
  schema.plugin(chronos, {
    indexed: ['title'],
    base64: { file: { contentType: 'text/plain', preferredText: true } },
    payload: { json, content, prefix: 'app' },
  });
  return mongoose.model<File, FileModel>(collection, schema);
}

const json = new SwitchedStore('memory json');
const content = new SwitchedStore('memory content');
const Files = modelOn('files', json, content);
const heads = () => mongoose.connection.collection<File>('files');
const records = () => mongoose.connection.collection('files_ver');
const base64 = (text: string) => Buffer.from(text).toString('base64');
const confirm = true;
const now = { confirm, graceMs: 0 };

beforeEach(async () => {
  await Files.flush();
  await heads().deleteMany({});
  await records().deleteMany({});
  await Files.sweep(now);
});

/** Documents in every state, some versions of which share what is stored. */
async function someFiles(): Promise<void> {
  await Files.create([
    { _id: 'new', title: 'a', body: 'text', file: base64('shared') },
    { _id: 'processed', title: 'a', body: 'text', file: base64('shared') },
    { _id: 'deleted', title: 'a', body: 'text', file: base64('other') },
    { _id: 'odd id / 507f1f77bcf86cd799439011', title: 'a', body: 'x'.repeat(1000) },
  ]);
  await Files.flush();
  for (const title of ['b', 'c']) await Files.updateMany({}, { title });
  await Files.flush();
  await Files.markItemAsProcessed('processed', { confirm });
  await Files.restore('processed', { ov: 0 });
  await Files.deleteOne({ _id: 'deleted' });
  await Files.flush();
}

async function allKeys(): Promise<string[]> {
  return [...(await json.keys()), ...(await content.keys())].sort();
}

describe('a sweep', () => {
  test('removes what nothing refers to, and leaves what anything does', async () => {
    await someFiles();
    const before = await allKeys();
    const left = ['s.new/0123abcd/v7/item.json', 's.gone/0123abcd/v0/item.json', 'h.00/v0/item.json'];
    const others = [
      'other/s.a/v0/item.json',
      'files/acme/s.a/v0/item.json',
      'files/readme.txt',
      'filesystem/s.a/v0/item.json',
    ];
    for (const key of [...left.map((key) => `files/${key}`), ...others]) await json.put(`app/${key}`, Buffer.from('x'));
    await content.put('app/files/s.gone/v0/file/blob.bin', Buffer.from('xy'));
    await content.put('app/files/s.gone/v0/file/op-1/text.txt', Buffer.from('xy'));
    const dry = await Files.sweep({ dryRun: true, graceMs: 0 });
    expect(dry).toMatchObject({ dryRun: true, orphans: 5, bytes: 7, retained: 0 });
    expect(await Files.sweep({ confirm })).toMatchObject({ orphans: 0 });
    const progress: number[] = [];
    const report = await Files.sweep({ ...now, onProgress: ({ orphans }) => progress.push(orphans) });
    expect(report).toEqual({ ...dry, dryRun: false });
    expect(progress.at(-1)).toBe(5);
    expect(report.keys).toHaveLength(5);
    expect(await allKeys()).toEqual([...before, ...others.map((key) => `app/${key}`)].sort());
    await Files.markItemsAsProcessedByTTL(0, { confirm });
    expect(await Files.sweep(now)).toMatchObject({ orphans: 0 });
    for (const id of ['new', 'processed', 'deleted']) {
      const versions = await Files.history(id, { lean: true });
      for (const { doc } of versions.filter(({ op }) => op !== 'DELETE')) expect(doc).toMatchObject({ body: 'text' });
    }
    for (const key of others) await json.delete(`app/${key}`);
  });

  test('finds any number of objects', async () => {
    await Files.create({ _id: 'kept', title: 'a', body: 'b' });
    await Files.flush();
    const kept = await allKeys();
    const keys = Array.from({ length: 2_500 }, (_, n) => `app/files/n.${n}/v0/item.json`);
    for (const key of keys) await json.put(key, Buffer.from('x'));
    const report = await Files.sweep(now);
    expect(report).toMatchObject({ orphans: 2_500, objects: 2_500 + 1 });
    expect(report.keys).toHaveLength(1_000);
    expect(await allKeys()).toEqual(kept);
  });

  test('writes nothing in a dry run', async () => {
    const unused = new SwitchedStore('memory json');
    const Unused = modelOn('unused', unused, unused);
    expect(await Unused.sweep({ dryRun: true, graceMs: 0 })).toMatchObject({ objects: 0, orphans: 0 });
    expect(await unused.keys()).toEqual([]);
    expect(unused.calls.put).toBe(0);
    const { db } = mongoose.connection;
    expect(await db?.listCollections({ name: /^unused_/ }).toArray()).toEqual([]);
  });

  test('is only for those who mean it', async () => {
    await expect(Files.sweep({})).rejects.toThrow(ConfigError);
    await expect(Files.sweep({ confirm, graceMs: Number.NaN })).rejects.toThrow('graceMs');
    const schema = new mongoose.Schema<File, FileModel>({ _id: String, title: String } as never);
    schema.plugin(chronos);
    const Plain = mongoose.model<File, FileModel>('Plain', schema);
    await expect(Plain.sweep({ confirm })).rejects.toThrow(/payloads are not kept in object storage/);
  });

  test('removes all objects of a collection that is gone with its history', async () => {
    await someFiles();
    await mongoose.connection.db?.dropDatabase();
    const report = await Files.sweep(now);
    expect(report.orphans).toBe(report.objects);
    expect(report.orphans).toBeGreaterThan(8);
    expect([...(await json.keys('app/files/')), ...(await content.keys('app/files/'))]).toEqual([]);
  });

  test('tells the age of objects by the clock of their store', async () => {
    const MINUTE = 60_000;
    for (const skew of [-10 * MINUTE, 10 * MINUTE]) {
      const skewed = new SkewedStore('memory skewed', skew);
      const Skewed = modelOn(`skewed${skew}`, skewed, skewed);
      await skewed.put(`app/skewed${skew}/s.a/v0/item.json`, Buffer.from('x'));
      expect(await Skewed.sweep({ confirm, graceMs: 5 * MINUTE })).toMatchObject({ objects: 1, orphans: 0 });
      skewed.skew += 6 * MINUTE;
      expect(await Skewed.sweep({ confirm, graceMs: 7 * MINUTE })).toMatchObject({ objects: 1, orphans: 0 });
      expect(await Skewed.sweep({ confirm, graceMs: 5 * MINUTE })).toMatchObject({ objects: 1, orphans: 1 });
    }
  });
});

/** A store whose clock is not ours. */
class SkewedStore extends SwitchedStore {
  skew: number;
  readonly #dates = new Map<string, Date>();

  constructor(name: string, skew: number) {
    super(name);
    this.skew = skew;
  }

  override async put(...args: Parameters<SwitchedStore['put']>) {
    const digest = await super.put(...args);
    this.#dates.set(args[0], new Date(Date.now() + this.skew));
    return digest;
  }

  override async head(...args: Parameters<SwitchedStore['head']>) {
    const facts = await super.head(...args);
    return facts && { ...facts, modified: this.#dates.get(args[0])! };
  }

  override async list(...args: Parameters<SwitchedStore['list']>) {
    const page = await super.list(...args);
    return { ...page, objects: page.objects.map((one) => ({ ...one, modified: this.#dates.get(one.key)! })) };
  }
}

test('a collection whose objects are kept under its name keeps it', async () => {
  await Files.create({ _id: 'stays', title: 'a', body: 'b' });
  await expect(Files.collection.rename('others')).rejects.toThrow(ConfigError);
  expect((await Files.findById('stays'))?.body).toBe('b');
});

describe('a version whose object is gone', () => {
  test('is stored again from its whole copy in MongoDB, under another key', async () => {
    await Files.create({ _id: 'dangling', title: 'a', body: 'text', file: base64('blob') });
    await Files.flush();
    for (const store of [json, content]) {
      const before = await store.keys('app/files/s.dangling/');
      for (const key of before) await store.delete(key);
      expect(await Files.markItemAsProcessed('dangling', { confirm })).toBe(false);
      expect(await heads().findOne({ _id: 'dangling' })).toMatchObject({ body: 'text', _system: { state: 'new' } });
      const after = await store.keys('app/files/s.dangling/');
      expect(after).toHaveLength(store === json ? 1 : 2);
      expect(before.filter((key) => after.includes(key))).toEqual([]);
    }
    expect(await Files.markItemAsProcessed('dangling', { confirm })).toBe(true);
    expect(await heads().findOne({ _id: 'dangling' })).not.toHaveProperty('body');
    expect(await Files.findById('dangling').lean()).toMatchObject({ body: 'text', file: base64('blob') });
    await Files.sweep(now);
    expect(await json.keys('app/files/s.dangling/')).toHaveLength(1);
    expect(await content.keys('app/files/s.dangling/')).toHaveLength(2);
  });
});

/** Stops at its calls until it is told to go on. */
class HeldStore extends SwitchedStore {
  readonly #gates = new Map<string, Gate>();

  /** Stops calls about keys that end so. */
  hold(call: 'put' | 'delete', ending: string): Gate {
    const gate = new Gate();
    this.#gates.set(`${call} ${ending}`, gate);
    return gate;
  }

  override async put(...args: Parameters<SwitchedStore['put']>) {
    await this.#pass('put', args[0]);
    return super.put(...args);
  }

  override async delete(...args: Parameters<SwitchedStore['delete']>) {
    await this.#pass('delete', args[0]);
    return super.delete(...args);
  }

  async #pass(call: string, key: string): Promise<void> {
    for (const [name, gate] of this.#gates) {
      const [of, ending = ''] = name.split(' ');
      if (of !== call || !key.endsWith(ending)) continue;
      this.#gates.delete(name);
      await gate.pass();
    }
  }
}

class Gate {
  readonly reached: Promise<void>;
  open: () => void = () => undefined;
  #reach: () => void = () => undefined;
  readonly #opened: Promise<void>;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  pass(): Promise<void> {
    this.#reach();
    return this.#opened;
  }
}

describe('an object that a sweep is about to remove', () => {
  const held = new HeldStore('memory held');
  const Held = modelOn('held', held, held);
  const whole = { title: 'b', body: 'text', file: base64('blob') };

  async function readsWhole(_id: string): Promise<void> {
    for (const _ of [1, 2]) await Held.markItemAsProcessed(_id, { confirm });
    expect(await mongoose.connection.collection<File>('held').findOne({ _id })).not.toHaveProperty('body');
    expect(await Held.findById(_id).lean()).toEqual({ _id, ...whole, __v: 0 });
  }

  test('is not what a later version refers to', async () => {
    await Held.create({ _id: 'later', ...whole, title: 'a' });
    await Held.flush();
    const upload = held.hold('put', 'v1/item.json');
    await Held.updateOne({ _id: 'later' }, { title: 'b' });
    await upload.reached;
    await mongoose.connection.collection('held_ver').deleteMany({});
    const removal = held.hold('delete', 'blob.bin');
    const sweep = Held.sweep(now);
    await removal.reached;
    upload.open();
    await Held.flush();
    const shared = await held.keys('app/held/s.later/');
    expect(shared.filter((key) => key.endsWith('blob.bin'))).toHaveLength(2);
    await Held.markItemsAsProcessedByTTL(0, { confirm });
    removal.open();
    await sweep;
    await readsWhole('later');
  });

  test('is not all that is left of the version that it was put for', async () => {
    const upload = held.hold('put', 'item.json');
    await Held.create({ _id: 'slow', ...whole });
    await upload.reached;
    const removal = held.hold('delete', 'blob.bin');
    const sweep = Held.sweep(now);
    await removal.reached;
    upload.open();
    await Held.flush();
    await Held.markItemsAsProcessedByTTL(0, { confirm });
    expect(await mongoose.connection.collection<File>('held').findOne({ _id: 'slow' })).toMatchObject(whole);
    removal.open();
    await sweep;
    await readsWhole('slow');
  });
});

/** Where everything takes a while that differs. */
class SlowStore extends SwitchedStore {
  override async put(...args: Parameters<SwitchedStore['put']>) {
    await anyTime();
    const digest = await super.put(...args);
    await anyTime();
    return digest;
  }

  override async delete(...args: Parameters<SwitchedStore['delete']>) {
    await anyTime();
    return super.delete(...args);
  }
}

const anyTime = () => sleep(Math.random() * 8);

test('beside sweeps, uploads, marks and the loss of old versions no reference is broken', {
  timeout: 120_000,
}, async () => {
  const slowJson = new SlowStore('memory json');
  const slowContent = new SlowStore('memory content');
  const Raced = modelOn('raced', slowJson, slowContent);
  const versions = mongoose.connection.collection('raced_ver');
  const ids = Array.from({ length: 200 }, (_, n) => `race-${n}`);
  await Raced.insertMany(ids.map((_id) => ({ _id, title: '0', body: 'text', file: base64(`file of ${_id}`) })));
  await Raced.flush();

  let isOver = false;
  const loop = async (step: () => Promise<unknown>) => {
    for (let rounds = 0; ; rounds++) {
      await step();
      if (isOver) return rounds;
    }
  };
  const sweeps = loop(() => Raced.sweep(now));
  const marks = loop(() => Raced.markItemsAsProcessedByTTL(0, { confirm }));
  // The version before goes, in the way of retention, while the one after it is about to refer to its blob.
  const writers = ids.map(async (_id) => {
    for (const title of ['1', '2']) {
      await sleep(Math.random() * 400);
      await Raced.updateOne({ _id }, { title });
      await anyTime();
      await versions.deleteMany({ '_id.id': _id } as never);
    }
  });
  await Promise.all(writers);
  await Raced.flush();
  isOver = true;
  expect(await sweeps).toBeGreaterThan(3);
  await marks;
  for (const _ of [1, 2]) await Raced.markItemsAsProcessedByTTL(0, { confirm });
  const rows = (await mongoose.connection.collection('raced').find().toArray()) as unknown as {
    _system: SystemFields;
  }[];
  expect(rows.map(({ _system }) => _system.state)).toEqual(ids.map(() => 'processed'));
  const found = await Raced.find().lean();
  expect(found).toHaveLength(ids.length);
  for (const { _id, title, body, file } of found) {
    expect([_id, title, body, file]).toEqual([_id, '2', 'text', base64(`file of ${_id}`)]);
  }
});
