import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getConnectionToken } from '@nestjs/mongoose';
import mongoose, { type Connection } from 'mongoose';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { AppModule, User } from '../../examples/nest/app.module.ts';
import { ChronosModule } from '../../examples/nest/chronos.module.ts';
import { Chronos, ConfigError, runInChronosContext } from '../../src/index.ts';

const name = `test-${process.env.VITEST_POOL_ID}-${randomBytes(4).toString('hex')}`;
const databases = ['pages', 'acme', 'globex'].map((suffix) => `${name}_${suffix}`);
process.env.MONGODB_URI = inject('mongoUri');
process.env.APP_NAME = name;

let app: INestApplication;

beforeAll(async () => {
  app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
});

afterAll(async () => {
  const client = await new mongoose.mongo.MongoClient(inject('mongoUri')).connect();
  for (const database of databases) await client.db(database).dropDatabase();
  await client.close();
});

async function call(method: string, path: string, headers: Record<string, string>, body?: object) {
  const response = await fetch((await app.getUrl()) + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, body: (await response.json()) as never };
}

const acme = { 'x-tenant': 'acme', 'x-user': 'ana' };

test('a model that is injected is that of the tenant of the request', async () => {
  const { body: user } = await call('POST', '/users', acme, { email: 'ana@acme.example' });
  const { _id, _system } = await User.forTenant('acme').findOne().lean().orFail();
  expect(user).toMatchObject({ _id: String(_id), status: 'trial' });
  expect(_system).toMatchObject({ ov: 0, actor: 'ana' });
  const before = new Date().toISOString();
  expect(await call('PATCH', `/users/${_id}`, acme, { status: 'active' })).toMatchObject({ status: 200 });
  expect((await call('GET', '/users', acme)).body).toMatchObject([{ status: 'active' }]);
  expect((await call('GET', `/users?at=${before}`, acme)).body).toMatchObject([{ status: 'trial' }]);
  expect((await call('GET', `/users/${_id}/history`, acme)).body).toEqual([
    { ov: 1, actor: 'ana', status: 'active' },
    { ov: 0, actor: 'ana', status: 'trial' },
  ]);
  expect((await call('GET', '/users', { 'x-tenant': 'globex' })).body).toEqual([]);
});

test('many requests at a time each have their own', async () => {
  const tenants = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 'acme' : 'globex'));
  await Promise.all(
    tenants.map((tenant, index) => call('POST', '/users', { 'x-tenant': tenant }, { email: `${tenant}${index}@x.y` })),
  );
  for (const tenant of ['acme', 'globex']) {
    const emails = await User.forTenant(tenant).distinct('email', { email: /@x\.y$/ });
    expect(emails).toHaveLength(10);
    expect(emails.every((email) => email.startsWith(tenant))).toBe(true);
  }
});

test('a request without a tenant, or of one that there is not, is refused', async () => {
  expect(await call('GET', '/users', {})).toMatchObject({ status: 404 });
  expect(await call('GET', '/users', { 'x-tenant': 'initech' })).toMatchObject({ status: 404 });
});

test('models of @nestjs/mongoose beside it have their history, too', async () => {
  const { body: page } = await call('POST', '/pages', {}, { title: 'Opening hours' });
  const { _id } = page as { _id: string };
  await app.get<Connection>(getConnectionToken()).model('Page').updateOne({ _id }, { title: 'Hours' });
  expect((await call('GET', `/pages/${_id}/history`, {})).body).toEqual([
    { ov: 1, title: 'Hours' },
    { ov: 0, title: 'Opening hours' },
  ]);
});

test('the app closes what it opened', async () => {
  const Users = User.forTenant('acme');
  await app.close();
  expect(() => User.forTenant('acme')).toThrow(ConfigError);
  await expect(Users.find()).rejects.toThrow();
  expect(mongoose.connections.filter(({ readyState }) => readyState === mongoose.ConnectionStates.connected)).toEqual(
    [],
  );
});

test('an app without requests takes its models from the registry', async () => {
  const config = {
    mongoConns: [{ key: 'main', mongoUri: inject('mongoUri') }],
    databases: { runtime: [{ key: 'acme', mongoConnKey: 'main', dbName: `${name}_acme`, tenantId: 'acme' }] },
  };
  @Module({ imports: [ChronosModule.forRoot(config), ChronosModule.forFeature(User)] })
  class Jobs {}
  const jobs = await NestFactory.createApplicationContext(Jobs, { logger: false });
  const chronos = jobs.get(Chronos);
  const Users = runInChronosContext({ tenant: 'acme' }, () => chronos.model(User));
  expect(Users).toBe(User.forTenant('acme'));
  expect(await Users.countDocuments()).toBeGreaterThan(0);
  await jobs.close();
  expect(() => chronos.model(User, { tenantId: 'acme' })).toThrow(ConfigError);
});
