import type { mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import {
  RouteMismatchError,
  runInChronosContext,
  TenantNotFoundError,
  UnversionedWriteError,
} from '../../src/index.ts';
import { testRegistries } from '../support/registry.ts';

@ChronosEntity({ collection: 'notes' })
class Note extends ChronosModel<number> {
  @Prop({ type: Number }) override _id!: number;
  @Prop() text?: string;
}

const { init, prefix, mongoUri } = await testRegistries();
const chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    runtime: [{ key: 'own', mongoConnKey: 'main', dbName: `${prefix}_{tenantId}`, tenantIds: ['a', 'b'] }],
  },
  entities: [Note],
});
const A = Note.forTenant('a');
const native = A.collection as unknown as mongo.Collection<{ _id: number; text?: string }>;

test('a stage that a cursor is given later is refused like one that it had from the start', async () => {
  await A.create({ _id: 1, text: 'one' });
  expect(() => native.aggregate().out('notes')).toThrow(UnversionedWriteError);
  expect(() => native.aggregate().addStage({ $merge: { into: 'notes' } })).toThrow(UnversionedWriteError);
  expect(() => native.aggregate().out({ db: `${prefix}_b`, coll: 'notes' })).toThrow(RouteMismatchError);
  const joined = { from: { db: `${prefix}_b`, coll: 'notes' }, as: 'theirs', localField: '_id', foreignField: '_id' };
  expect(() => native.aggregate().lookup(joined)).toThrow(RouteMismatchError);
  expect(await native.aggregate().match({ text: 'one' }).project({ text: 1 }).toArray()).toEqual([
    { _id: 1, text: 'one' },
  ]);
});

test('a context whose tenant is not known does not take the one around it', () => {
  runInChronosContext({ tenant: 'a' }, () => {
    expect(() => runInChronosContext({ tenant: undefined }, () => chronos.model(Note))).toThrow(TenantNotFoundError);
    runInChronosContext({ actor: 'ana' }, () => expect(chronos.model(Note)).toBe(A));
  });
});
