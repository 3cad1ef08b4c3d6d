import { expectTypeOf, test } from 'vitest';
import type {
  Actor,
  Chronos,
  CreatedItem,
  DeletedItem,
  Item,
  ItemMeta,
  PresignedBlob,
  UpdatedItem,
} from '../../src/index.ts';

declare const chronos: Chronos;

interface User {
  email: string;
  tags?: string[];
}

test('the calls of a collection take and give what its content is', async () => {
  const ops = chronos.with<User>({ key: 'a', collection: 'users' });
  expectTypeOf(await ops.create({ email: 'x' }, 'actor', 'reason')).toEqualTypeOf<CreatedItem>();
  expectTypeOf(
    await ops.update('id', { email: 'x' }, 0, { type: 'user', identifier: 'ana' }),
  ).toEqualTypeOf<UpdatedItem>();
  expectTypeOf(await ops.delete('id', undefined, 'actor')).toEqualTypeOf<DeletedItem>();
  const latest = await ops.getLatest('id', { presign: true, ttlSeconds: 60, projection: ['email'] });
  expectTypeOf(latest).toEqualTypeOf<Item<User> | null>();
  expectTypeOf(latest!.item.email).toEqualTypeOf<string>();
  expectTypeOf(latest!.presigned!.avatar).toEqualTypeOf<PresignedBlob | undefined>();
  expectTypeOf(latest!._meta).toEqualTypeOf<ItemMeta | undefined>();
  expectTypeOf(latest!._meta!.actor).toEqualTypeOf<Actor | undefined>();
  const { items, pageToken } = await ops.listByMeta(
    { filter: { email: 'x' }, sort: { updatedAt: -1 } },
    { presign: true },
  );
  expectTypeOf(items).toEqualTypeOf<readonly Item<User>[]>();
  await ops.query({ email: { $gt: 'a' } }, { at: '2026-01-01', sort: { email: 1 }, limit: 1000, pageToken });
  // @ts-expect-error: an email is a string
  await ops.create({ email: 5 });
  // @ts-expect-error: a user has an email
  await ops.update('id', {});
  // @ts-expect-error: a list is not of one instant in both of its objects
  await ops.listByMeta({ at: new Date() });
});

test('a collection whose content nobody has named takes any', async () => {
  const ops = chronos.with({ key: 'a', collection: 'events' });
  await ops.create({ event: 'user_login', timestamp: new Date() });
  await ops.enrich('id', [{ a: 1 }, { b: [2] }], { functionId: 'enricher@v1' });
  expectTypeOf((await ops.getVersion('id', 1))!.item.anything).toEqualTypeOf<unknown>();
  await ops.restoreObject('id', { ov: 5 });
  await ops.restoreCollection({ cv: 100 });
  // @ts-expect-error: a version is restored by its number, or by an instant
  await ops.restoreObject('id', { version: 5 });
});
