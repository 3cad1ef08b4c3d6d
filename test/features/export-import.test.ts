import { PassThrough, Readable, Writable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chronos, HistoryFileError, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf, recordsOf } from '../support/stored.ts';

const mongoose = await testDatabase();
let count = 0;

/** A model of a collection of its own. */
function collection(options: { collectionVersion?: boolean } = {}) {
  count += 1;
  const fields = { _id: String, name: String, n: Number, tags: [String] };
  const schema = new mongoose.Schema(fields, { collection: `export${count}`, autoIndex: false });
  schema.plugin(chronos, options);
  return versioned(mongoose.model(`Export${count}`, schema));
}

type Subject = ReturnType<typeof collection>;

async function exported(Model: Subject, options = {}): Promise<Buffer> {
  const to = new PassThrough();
  const chunks: Buffer[] = [];
  to.on('data', (chunk: Buffer) => chunks.push(chunk));
  await Model.exportHistory(to, options);
  return Buffer.concat(chunks);
}

const imported = (Model: Subject, file: Uint8Array) => Model.importHistory(Readable.from([file]));

/** All that is stored of a model, by its bytes. */
async function bytesOf(Model: Subject): Promise<string[]> {
  const rows: string[] = [];
  for (const stored of [headsOf(Model), recordsOf(Model)]) {
    for await (const raw of stored.find({}, { sort: { _id: 1 }, raw: true })) {
      rows.push(Buffer.from(raw as unknown as Uint8Array).toString('hex'));
    }
  }
  return rows;
}

/** Documents of which some are changed, deleted, brought back or erased. */
async function live(Model: Subject, writes: number): Promise<Date[]> {
  const instants: Date[] = [];
  const random = fc.sample(fc.nat(), { numRuns: writes, seed: 7 });
  for (const [n, number] of random.entries()) {
    const _id = `d${number % 12}`;
    const kind = Math.floor(number / 12) % 10;
    if (kind < 6) await Model.updateOne({ _id }, { $set: { n, name: `${number % 5}` } }, { upsert: true });
    else if (kind < 8) await Model.deleteOne({ _id }, { chronos: { actor: 'a', reason: 'r' } });
    else if (kind < 9) await Model.restore(_id, { ov: 0 }).catch(() => undefined);
    else if (n % 3 === 0) await Model.hardDelete({ id: _id }, { confirm: true });
    instants.push(new Date());
  }
  return instants;
}

test('an imported collection has the same bytes, is in order, and answers as of any instant like its source', async () => {
  const Source = collection();
  const Copy = collection();
  const instants = await live(Source, 150);
  const file = await exported(Source);
  const report = await imported(Copy, file);
  expect(await bytesOf(Copy)).toEqual(await bytesOf(Source));
  expect(report.inserted).toBe(report.heads + report.versions + report.tombstones);
  expect(report).toMatchObject({ present: 0, erased: 0, documents: 12 });
  expect(await Copy.verify()).toMatchObject({ ok: true, findings: [] });
  for (const at of instants) {
    const sorted = { name: 1, _id: 1 } as const;
    expect(await Copy.asOf(at).find().sort(sorted).lean()).toEqual(await Source.asOf(at).find().sort(sorted).lean());
    expect(await Copy.asOf(at).countDocuments({ name: '3' })).toBe(await Source.asOf(at).countDocuments({ name: '3' }));
  }
  await Copy.updateOne({ _id: 'd1' }, { n: -1 }, { upsert: true });
  expect(await Copy.verify()).toMatchObject({ ok: true, findings: [] });
});

test('importing again changes nothing, also when the collection has gone on since', async () => {
  const Source = collection();
  await live(Source, 60);
  const file = await exported(Source);
  const before = await bytesOf(Source);
  expect(await imported(Source, file)).toMatchObject({ inserted: 0 });
  expect(await bytesOf(Source)).toEqual(before);
  await live(Source, 40);
  await Source.compact();
  const after = await bytesOf(Source);
  expect(await imported(Source, file)).toMatchObject({ inserted: 0 });
  expect(await bytesOf(Source)).toEqual(after);
});

test('what was lost comes back, and what was erased does not', async () => {
  const Source = collection();
  await Source.create({ _id: 'a', name: 'old' });
  await Source.updateMany({}, { name: 'new' });
  await Source.create({ _id: 'b', name: 'secret' });
  await Source.updateOne({ _id: 'b' }, { n: 1 });
  const file = await exported(Source);
  const before = (await bytesOf(Source)).filter((row) => row.includes(Buffer.from('new').toString('hex')));
  await recordsOf(Source).deleteMany({ '_id.id': 'a' });
  await Source.hardDelete({ id: 'b' }, { confirm: true });
  expect(await imported(Source, file)).toMatchObject({ inserted: 1, present: 1, erased: 2 });
  expect((await Source.history('a')).map(({ doc }) => doc?.name)).toEqual(['new', 'old']);
  expect(await Source.history('b')).toMatchObject([{ op: 'ERASE' }]);
  const after = await bytesOf(Source);
  expect(before.filter((row) => !after.includes(row))).toEqual([]);
  expect(after.filter((row) => row.includes(Buffer.from('secret').toString('hex')))).toEqual([]);
  expect(await Source.verify()).toMatchObject({ ok: true, findings: [] });
});

test('a file that is cut, changed or none is refused, and the whole one mends what it left', async () => {
  const Source = collection();
  await live(Source, 80);
  const file = await exported(Source);
  const text = gunzipSync(file).toString('utf8');
  const lines = text.split('\n');
  const without = (line: number) => gzipSync(lines.filter((_, index) => index !== line).join('\n'));
  const bad: [Uint8Array, string][] = [
    [Buffer.from('no gzip at all'), 'foreign'],
    [gzipSync('{"format":"other"}\n'), 'foreign'],
    [gzipSync(text.replace('"version":1', '"version":2')), 'foreign'],
    [Buffer.alloc(0), 'cut'],
    [file.subarray(0, file.length / 2), 'cut'],
    [gzipSync(lines.slice(0, 20).join('\n')), 'cut'],
    [gzipSync(`${lines.slice(0, 20).join('\n')}\n`), 'cut'],
    [without(7), 'damaged'],
    [gzipSync(`${text}{}\n`), 'damaged'],
    [gzipSync(text.replace('"name":"3"', '"name":"4"')), 'damaged'],
    [gzipSync(text.replace('{"version":{', '{"version":{"$x":{"$oid":"z"},')), 'damaged'],
  ];
  for (const [damaged, fault] of bad) {
    const Copy = collection();
    const error = await imported(Copy, damaged).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(HistoryFileError);
    expect(error).toMatchObject({ fault });
    expect(await Copy.verify()).toMatchObject({ ok: true, findings: [] });
    await imported(Copy, file);
    expect(await bytesOf(Copy)).toEqual(await bytesOf(Source));
  }
});

test('a file of another history is refused, and nothing of its documents is put', async () => {
  const Source = collection();
  await Source.create({ _id: 'a', name: 'one' });
  await Source.updateOne({ _id: 'a' }, { name: 'two' });
  const file = await exported(Source);
  const others: ((Model: Subject) => Promise<unknown>)[] = [
    (Model) => Model.create({ _id: 'a', name: 'other' }),
    async (Model) => {
      await Model.create({ _id: 'a', name: 'one' });
      await Model.updateOne({ _id: 'a' }, { name: 'other' });
      await Model.updateOne({ _id: 'a' }, { name: 'third' });
    },
    async (Model) => {
      await Model.create({ _id: 'a', name: 'one' });
      await Model.deleteOne({ _id: 'a' });
    },
  ];
  for (const write of others) {
    const Copy = collection();
    await write(Copy);
    const before = await bytesOf(Copy);
    await expect(imported(Copy, file)).rejects.toMatchObject({ fault: 'other-history', id: 'a' });
    expect(await bytesOf(Copy)).toEqual(before);
  }
});

test('a collection can be exported in ranges of ids, and histories of any length are put', async () => {
  const Source = collection();
  await Source.insertMany(['a', 'b', 'c'].map((_id) => ({ _id, n: 0 })));
  for (let n = 0; n < 3; n++) {
    const one = { updateOne: { filter: { _id: 'b' }, update: { $inc: { n: 1 } } } };
    await Source.bulkWrite(Array.from({ length: 250 }, () => one));
  }
  const parts = [await exported(Source, { upTo: 'a' }), await exported(Source, { after: 'a' })];
  const Copy = collection();
  expect(await imported(Copy, parts[0]!)).toMatchObject({ documents: 1 });
  expect(await imported(Copy, parts[1]!)).toMatchObject({ documents: 2, versions: 750 });
  expect(await bytesOf(Copy)).toEqual(await bytesOf(Source));
});

test('numbers of the collection go on after those that were imported', async () => {
  const Source = collection({ collectionVersion: true });
  const Copy = collection({ collectionVersion: true });
  await live(Source, 30);
  await imported(Copy, await exported(Source));
  const latest = (Model: Subject) => Model.find().sort({ _id: 1 }).select('+_system').lean() as Promise<object[]>;
  for (const Model of [Source, Copy]) await Model.create({ _id: 'new' });
  const cvs = await Promise.all([Source, Copy].map(async (Model) => (await Model.history('new'))[0]?.cv));
  expect(cvs[0]).toBe(cvs[1]);
  expect(await latest(Copy)).toHaveLength((await latest(Source)).length);
});

test('beside writers an export is of one instant, and waits for the stream that takes it', async () => {
  const Source = collection();
  const ids = Array.from({ length: 300 }, (_, n) => `d${n}`);
  await Source.insertMany(ids.map((_id) => ({ _id, n: 0, tags: ['x'.repeat(20_000)] })));
  let done = false;
  const writing = (async () => {
    for (let n = 1; !done; n++)
      await Source.bulkWrite([{ updateMany: { filter: {}, update: { n } } }], { chronos: {} });
  })();
  const chunks: Buffer[] = [];
  const slow = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, callback) {
      chunks.push(chunk);
      setImmediate(callback);
    },
  });
  await Source.exportHistory(slow);
  done = true;
  await writing;
  const Copy = collection();
  await imported(Copy, Buffer.concat(chunks));
  expect(await Copy.verify()).toMatchObject({ ok: true, findings: [], documents: 300 });
});
