import { applyPatch } from 'rfc6902';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type ChronosModelType,
  ConfigError,
  chronos,
  NotFoundError,
  ReadOnlyVersionError,
  VersionNotFoundError,
} from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

interface Note {
  _id: string;
  text: string;
  n?: number;
  tags?: string[];
  at?: Date;
}

const mongoose = await testDatabase();
const day = (n: number): Date => new Date(Date.UTC(2026, 0, n));
let today = 1;

function noteModel(name: string, visible = false): ChronosModelType<Note> {
  const schema = new mongoose.Schema<Note, ChronosModelType<Note>>({
    _id: String,
    text: String,
    n: Number,
    tags: { type: [String], default: undefined },
    at: Date,
  });
  schema.plugin(chronos, { visible, clock: { now: () => day(today) } });
  return mongoose.model<Note, ChronosModelType<Note>>(name, schema);
}

const Note = noteModel('Note');
const Open = noteModel('Open', true);

/** Day 1: created. Day 2: updated. Day 3: deleted. Day 4: created again. */
beforeAll(async () => {
  await Note.create([{ _id: 'a', text: 'one', tags: ['x'] }], { chronos: { actor: 'ana', reason: 'start' } });
  await Note.create({ _id: 'gone', text: 'last words' });
  today = 2;
  const why = { chronos: { actor: { type: 'user', identifier: '7' }, reason: 'typo', functionId: 'fix' } } as const;
  await Note.updateOne({ _id: 'a' }, { text: 'two', $push: { tags: 'y' } }, why);
  today = 3;
  await Note.deleteOne({ _id: 'a' }, { chronos: { actor: 'eve' } });
  await Note.deleteOne({ _id: 'gone' }, { chronos: { actor: 'eve' } });
  today = 4;
  await Note.create({ _id: 'a', text: 'three' });
});

describe('history', () => {
  test('lists every version, newest first, with who, why and from when to when', async () => {
    const rest = { cv: null, functionId: null, reason: null, actor: null, restoredFrom: null };
    const versions = (await Note.history('a')).map(({ doc, ...version }) => ({ ...version, text: doc?.text }));
    expect(versions).toEqual([
      { ...rest, ov: 3, op: 'CREATE', from: day(4), until: null, text: 'three' },
      { ...rest, ov: 2, op: 'DELETE', from: day(3), until: day(4), actor: 'eve', text: undefined },
      {
        ...rest,
        ov: 1,
        op: 'UPDATE',
        from: day(2),
        until: day(3),
        actor: { type: 'user', identifier: '7' },
        reason: 'typo',
        functionId: 'fix',
        text: 'two',
      },
      { ...rest, ov: 0, op: 'CREATE', from: day(1), until: day(2), actor: 'ana', reason: 'start', text: 'one' },
    ]);
  });

  test('comes in pages, and one by one', async () => {
    const ovs = (versions: readonly { ov: number }[]) => versions.map(({ ov }) => ov);
    expect(ovs(await Note.history('a', { limit: 2 }))).toEqual([3, 2]);
    expect(ovs(await Note.history('a', { limit: 2, before: 2 }))).toEqual([1, 0]);
    expect(ovs(await Note.history('a', { before: 1 }))).toEqual([0]);
    expect(ovs(await Note.history('a', { before: 0 }))).toEqual([]);
    const seen: number[] = [];
    for await (const { ov } of Note.history('a')) if (seen.push(ov) === 2) break;
    expect(seen).toEqual([3, 2]);
    const page = await Note.history('a', { limit: 1, before: 2 });
    expect(page[0]?.until).toEqual(day(3));
  });

  test('is empty for an id that never was, and ends with its deletion for one that is gone', async () => {
    expect(await Note.history('nobody')).toEqual([]);
    const [deletion, last] = await Note.history('gone');
    expect(deletion).toMatchObject({ op: 'DELETE', doc: null, until: null });
    expect(last?.doc?.text).toBe('last words');
  });

  test('gives plain objects on request, and documents that cannot be saved', async () => {
    const [lean] = await Note.history('a', { lean: true });
    expect(lean?.doc).toEqual({ _id: 'a', text: 'three', __v: 0 });
    for (const { doc } of await Note.history('a')) {
      if (doc === null) continue;
      expect(doc).toBeInstanceOf(Note);
      await expect((doc as unknown as { save(): Promise<unknown> }).save()).rejects.toThrow(ReadOnlyVersionError);
    }
  });

  test('is there on the document', async () => {
    const note = await Note.findById('a').orFail();
    expect((await note.history({ limit: 1 }))[0]?.ov).toBe(3);
    expect((await note.asOf(day(2)))?.text).toBe('two');
    expect(await note.asOf(day(3))).toBeNull();
    expect((await note.diff(0, 1)).map(({ path }) => path.join('.'))).toEqual(['text', 'tags.1']);
  });
});

describe('one version', () => {
  test('by its number, by an instant, and the latest', async () => {
    expect((await Note.getVersion('a', 1))?.text).toBe('two');
    expect((await Note.getVersion('a', 3))?.text).toBe('three');
    expect(await Note.getVersion('a', 2)).toBeNull();
    expect(await Note.getVersion('a', 9)).toBeNull();
    expect((await Note.getAsOf('a', day(2)))?.text).toBe('two');
    expect((await Note.getAsOf('a', '2026-01-09'))?.text).toBe('three');
    expect(await Note.getAsOf('a', new Date(0))).toBeNull();
    expect(await Note.getAsOf('a', day(3))).toBeNull();
    expect((await Note.getLatest('a'))?.text).toBe('three');
    expect(await Note.getLatest('gone')).toBeNull();
    expect(await Note.getLatest('nobody', { includeDeleted: true })).toBeNull();
    await expect(Note.getAsOf('a', new Date(Number.NaN))).rejects.toThrow(ConfigError);
  });

  test('the latest can be saved, the others cannot', async () => {
    const latest = (await Note.getLatest('a'))!;
    latest.n = 1;
    today = 5;
    await latest.save();
    const past = (await Note.getVersion('a', 3)) as unknown as { save(): Promise<unknown> };
    await expect(past.save()).rejects.toThrow(ReadOnlyVersionError);
  });

  test('a deleted document is given on request, with its deletion', async () => {
    const deletion = { deleted: true, deletedAt: day(3), actor: 'eve' };
    const asked = { includeDeleted: true, lean: true } as const;
    for (const found of [
      await Note.getLatest('gone', asked),
      await Note.getVersion('gone', 1, asked),
      await Note.getAsOf('gone', day(8), asked),
    ]) {
      expect(found).toMatchObject({ _id: 'gone', text: 'last words', _system: deletion });
    }
    expect(await Note.getAsOf('a', day(3), asked)).toMatchObject({ text: 'two', _system: { deleted: true, ov: 2 } });
    expect(await Note.getAsOf('a', new Date(0), asked)).toBeNull();
    const document = (await Note.getLatest('gone', { includeDeleted: true }))!;
    expect(document.get('_system.deletedAt')).toEqual(day(3));
    await expect(document.save()).rejects.toThrow(ReadOnlyVersionError);
  });

  test('in a transaction it sees what that has written', async () => {
    await mongoose.connection.transaction(async (session) => {
      await Note.create([{ _id: 'tx', text: 'inside' }], { session });
      expect((await Note.getLatest('tx', { session }))?.text).toBe('inside');
      expect(await Note.getLatest('tx')).toBeNull();
      expect((await Note.history('tx', { session })).length).toBe(1);
    });
  });
});

describe('diff', () => {
  test('tells what changed between versions, instants, and up to now', async () => {
    expect(await Note.diff('a', 0, 1)).toEqual([
      { op: 'replace', path: ['text'], before: 'one', after: 'two' },
      { op: 'add', path: ['tags', 1], after: 'y' },
    ]);
    expect(await Note.diff('a', day(1), '2026-01-02')).toEqual(await Note.diff('a', 0, 1));
    expect((await Note.diff('a', 1)).find(({ path }) => path[0] === 'text')).toMatchObject({ after: 'three' });
    expect((await Note.diff('a', 1, 2)).every(({ op }) => op === 'remove')).toBe(true);
  });

  test('as a JSON patch it leads from one to the other', async () => {
    const patch = await Note.diff('a', 0, 1, { format: 'json-patch' });
    const before = structuredClone(await Note.getVersion('a', 0, { lean: true }));
    expect(applyPatch(before, patch as never)).toEqual([null, null]);
    expect(before).toEqual(await Note.getVersion('a', 1, { lean: true }));
  });

  test('of what there is not is refused', async () => {
    await expect(Note.diff('nobody', day(1))).rejects.toThrow(VersionNotFoundError);
    await expect(Note.diff('a', 0, 77)).rejects.toThrow(VersionNotFoundError);
    await expect(Note.diff('gone', 0)).rejects.toThrow(NotFoundError);
  });
});

describe('bookkeeping', () => {
  test("shows when asked for by select('+_system'), and only then", async () => {
    await Note.create({ _id: 's', text: 'first' });
    const system = { ov: 0, insertedAt: day(5), updatedAt: day(5) };
    expect(await Note.findById('s').lean()).not.toHaveProperty('_system');
    expect(await Note.findById('s').select('+_system').lean()).toEqual({
      _id: 's',
      text: 'first',
      __v: 0,
      _system: system,
    });
    expect(await Note.findById('s').select('text +_system').lean()).toEqual({
      _id: 's',
      text: 'first',
      _system: system,
    });
    expect(await Note.findById('s').select('-__v +_system').lean()).toEqual({
      _id: 's',
      text: 'first',
      _system: system,
    });
    const [document] = await Note.find({ _id: 's' }).select('+_system');
    expect(document!.get('_system.ov')).toBe(0);
    for await (const each of Note.find({ _id: 's' }).select('+_system').lean().cursor())
      expect(each).toHaveProperty('_system');
    document!.text = 'second';
    today = 6;
    await document!.save();
    expect(await Note.asOf(day(5)).findById('s').select('+_system').lean()).toEqual({
      _id: 's',
      text: 'first',
      __v: 0,
      _system: system,
    });
    expect((await Note.asOf(day(6)).find({ _id: 's' }).select('+_system').lean())[0]).toMatchObject({
      _system: { ov: 1 },
    });
  });

  test('shows everywhere with the option visible, and a version is as the head was', async () => {
    await Open.create({ _id: 'v', text: 'first' });
    const head = await Open.findById('v').lean();
    expect(head).toHaveProperty('_system.ov', 0);
    today = 7;
    await Open.updateOne({ _id: 'v' }, { text: 'second' });
    expect(await Open.asOf(day(6)).findById('v').lean()).toEqual(head);
    expect(await Open.asOf(day(6)).find().sort('text').lean()).toEqual([head]);
    expect(await Open.asOf(day(6)).aggregate([{ $match: {} }])).toEqual([head]);
    expect((await Open.history('v', { lean: true }))[1]?.doc).toEqual(head);
  });
});
