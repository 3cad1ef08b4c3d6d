import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { Types } from 'mongoose';
import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop, Ref } from '../../decorators/index.ts';
import { ConfigError } from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'notes' })
class Note extends ChronosModel {
  @Prop({ required: true }) text!: string;
  @Prop({ default: 0 }) count?: number;
  @Ref(() => Note) next?: Types.ObjectId;
}

const { init, mongoUri, prefix } = await testRegistries();

const MAX_SOCKETS = 5;
const IDS = [...Array.from({ length: 1_000 }, (_, n) => `t${n}`), 'closing'];
const WRITERS = IDS.slice(0, 5);
const LOOPS = 20;

const open = () =>
  init({
    mongoConns: [{ key: 'main', mongoUri: `${mongoUri}&maxPoolSize=${MAX_SOCKETS}` }],
    databases: {
      runtime: [{ key: 'many', mongoConnKey: 'main', dbName: `${prefix}{tenantId}`, tenantIds: IDS }],
    },
    tenants: { cacheSize: 50 },
    entities: [Note],
  });

test('tenants that come and go in the cache disturb no transaction, and need no more sockets', async () => {
  const chronos = open();
  const sockets = new Set<unknown>();
  const [first] = WRITERS as [string];
  const client = (await Note.forTenant(first).db.asPromise()).getClient();
  client.on('connectionCreated', ({ connectionId }) => sockets.add(connectionId));
  for (const id of WRITERS) await Note.forTenant(id).create({ text: 'one' });

  let turn = 0;
  const readers = Array.from({ length: LOOPS }, async () => {
    while (turn < IDS.length) {
      const id = IDS[(turn++ * 617) % IDS.length] as string;
      expect(await Note.forTenant(id).countDocuments()).toBe(WRITERS.includes(id) ? 1 : 0);
    }
  });
  const writers = WRITERS.map(async (id) => {
    const Notes = Note.forTenant(id);
    for (let round = 0; round < 10; round++) {
      await Notes.db.transaction(async (session) => {
        const note = await Notes.findOne().session(session).orFail();
        // By now a thousand others may have been asked for.
        for (let other = 0; other < 60; other++) Note.forTenant(IDS[(round * 60 + other) % IDS.length] as string);
        note.count = (note.count ?? 0) + 1;
        await note.save({ session });
        await Note.forTenant(id).updateOne({ _id: note._id }, { text: `round ${round}` }, { session });
      });
    }
  });
  await Promise.all([...readers, ...writers]);
  for (const id of WRITERS) {
    const note = await Note.forTenant(id).findOne().orFail();
    expect(note.count).toBe(10);
    expect(await note.history()).toHaveLength(21);
  }
  expect(sockets.size).toBeLessThanOrEqual(MAX_SOCKETS + 1);
  await chronos.close();
});

test('close waits for what is under way, completes its transactions, and lets nothing else begin', async () => {
  const chronos = open();
  const Notes = Note.forTenant('closing');

  const notes = await Notes.insertMany(Array.from({ length: 200 }, (_, n) => ({ text: String(n) })));
  const [id, another, enriched] = [0, 101, 150].map((n) => notes[n]?._id) as [
    Types.ObjectId,
    Types.ObjectId,
    Types.ObjectId,
  ];
  const stream = Notes.watch();
  const streamed = once(stream, 'close');
  const session = await Notes.startSession();
  session.startTransaction();
  await Notes.updateOne({ _id: id }, { text: 'in a transaction' }, { session });

  const under = [
    ...notes.slice(1, 100).map(({ _id }) => Notes.updateOne({ _id }, { count: 1 }).exec()),
    Notes.find().batchSize(20).exec(),
    Notes.enrich(enriched, { text: 'enriched' }),
  ];
  const closed = chronos.close();
  await turn();
  await turn();
  await expect(Notes.countDocuments()).rejects.toThrow(ConfigError);
  await expect(Notes.create({ text: 'late' })).rejects.toThrow(ConfigError);
  await expect(Notes.enrich(id, { text: 'late' })).rejects.toThrow(ConfigError);
  await Notes.updateOne({ _id: another }, { text: 'in it too' }, { session });
  await session.commitTransaction();
  await session.endSession();
  await expect(Promise.all(under)).resolves.toBeDefined();
  await closed;
  await streamed;
  await expect(Notes.countDocuments()).rejects.toThrow(ConfigError);

  const again = open();
  const Again = Note.forTenant('closing');
  expect(await Again.countDocuments({ count: 1 })).toBe(99);
  expect(await Again.countDocuments({ text: /^in/ })).toBe(2);
  expect(await Again.countDocuments({ text: 'late' })).toBe(0);
  await again.close();
});

test('close cuts off what does not end in the time it is given', async () => {
  const chronos = open();
  const Notes = Note.forTenant('closing');
  const session = await Notes.startSession();
  session.startTransaction();
  await Notes.countDocuments().session(session);
  await chronos.close({ drainMs: 50 });
  await expect(Notes.countDocuments().session(session)).rejects.toThrow();
});

test('close waits for no server that is not there', async () => {
  const chronos = init({
    mongoConns: [{ key: 'down', mongoUri: 'mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=3600000' }],
    databases: { runtime: [{ key: 'many', mongoConnKey: 'down', dbName: 'x', tenantId: 'closing' }] },
    entities: [Note],
  });
  Note.forTenant('closing')
    .countDocuments()
    .catch(() => undefined);
  await chronos.close({ drainMs: 50 });
});

test('one registry that closes leaves another alone', async () => {
  @ChronosEntity({ collection: 'memos' })
  class Memo extends ChronosModel {
    @Prop() text?: string;
  }
  const a = open();
  const b = init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key: 'many', mongoConnKey: 'main', dbName: `${prefix}{tenantId}`, tenantIds: ['t0'] }] },
    entities: [Memo],
  });
  await Note.forTenant('t0').countDocuments();
  await Memo.forTenant('t0').create({ text: 'x' });
  await a.close();
  expect(await Memo.forTenant('t0').countDocuments()).toBe(1);
  await b.close();
});
