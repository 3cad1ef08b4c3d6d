import { randomBytes } from 'node:crypto';
import mongoose from 'mongoose';
import { afterAll, expect, inject, test } from 'vitest';
import { bill, Customer, forRequest, Invoice, open, openAt, pay, signUp } from '../../examples/saas/app.ts';
import { TenantNotFoundError } from '../../src/index.ts';

const name = `test-${process.env.VITEST_POOL_ID}-${randomBytes(4).toString('hex')}`;
const uri = (cluster: string) => `${inject('mongoUri')}&appName=${cluster}`;
const chronos = open({ name, main: uri('main'), east: uri('east'), west: uri('west'), globex: uri('globex') });
const admin = new mongoose.mongo.MongoClient(inject('mongoUri'));

async function databases(): Promise<string[]> {
  const { databases } = await admin.db('admin').admin().listDatabases({ nameOnly: true });
  return databases.flatMap((database) => (database.name.startsWith(name) ? [database.name] : [])).sort();
}

afterAll(async () => {
  await chronos.close();
  for (const database of await databases()) await admin.db(database).dropDatabase();
  await admin.close();
});

test('one code serves tenants that live in four ways, each with data and a past of its own', async () => {
  await signUp('acme', 'business');
  await signUp('initech', 'team');
  await signUp('hooli', 'free');
  await signUp('piedpiper', 'free');
  const tenants = ['acme', 'initech', 'hooli', 'piedpiper', 'globex'];
  for (const [index, tenant] of tenants.entries()) {
    await forRequest(chronos, tenant, 'ana', async () => {
      expect((await bill(chronos, '1', 100 + index))._system).toMatchObject({ ov: 0, actor: 'ana' });
      await bill(chronos, '2', 50);
      const before = new Date();
      await pay(chronos, '1');
      expect(await openAt(chronos, before)).toBe(150 + index);
      expect(await openAt(chronos, new Date(Date.now() + 1))).toBe(50);
    });
  }
  for (const tenant of tenants) {
    const invoice = await Invoice.forTenant(tenant).findOne({ number: '1' }).orFail();
    expect((await invoice.history()).map(({ op, actor, doc }) => [op, actor, doc?.status])).toEqual([
      ['UPDATE', 'ana', 'paid'],
      ['CREATE', 'ana', 'open'],
    ]);
    expect(await Invoice.forTenant(tenant).countDocuments()).toBe(2);
  }
  const places = tenants.map((tenant) => Invoice.forTenant(tenant).db.name);
  const shared = `${name}_free`;
  expect(places).toEqual([`${name}_business_acme`, `${name}_team_initech`, shared, shared, `${name}_invoices`]);
  expect(await databases()).toEqual([...new Set(places), `${name}_directory`].sort());
});

test('who is no customer is refused before any database is touched, and one that comes is served at once', async () => {
  const before = await databases();
  const request = () => forRequest(chronos, 'umbrella', 'eve', () => bill(chronos, '1', 1));
  await expect(request()).rejects.toThrow(TenantNotFoundError);
  await expect(bill(chronos, '1', 1)).rejects.toThrow(TenantNotFoundError);
  expect(await databases()).toEqual(before);
  await signUp('umbrella', 'free');
  expect((await request()).status).toBe('open');
  expect(await Customer.generic().history('umbrella')).toHaveLength(1);
});
