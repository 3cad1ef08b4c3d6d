import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import mongoose from 'mongoose';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createApp } from '../../examples/express/app.ts';

let server: Server;

beforeAll(async () => {
  await mongoose.connect(inject('mongoUri'), { dbName: `test-express-${randomBytes(4).toString('hex')}` });
  server = createApp(mongoose.connection).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(async () => {
  server.close();
  await mongoose.connection.dropDatabase();
  await mongoose.disconnect();
});

async function call(method: string, path: string, user = 'ana', body?: object) {
  const { port } = server.address() as { port: number };
  const headers = { 'content-type': 'application/json', 'x-user': user };
  const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>) };
}

test('an article from before the plugin has its history from the first request on', async () => {
  const old = await mongoose.connection.collection('articles').insertOne({ title: 'Lamp', stock: 1 });
  const path = `/articles/${old.insertedId}`;
  expect((await call('GET', '/articles')).body).toMatchObject([{ title: 'Lamp', stock: 1 }]);
  expect((await call('POST', `${path}/sales`)).status).toBe(200);
  expect((await call('POST', `${path}/sales`, 'ben')).status).toBe(409);
  expect((await call('DELETE', path, 'eve')).status).toBe(204);
  expect((await call('GET', '/articles')).body).toEqual([]);
  expect((await call('GET', `${path}/history`)).body).toEqual([
    { ov: 2, op: 'DELETE', actor: 'eve' },
    { ov: 1, op: 'UPDATE', actor: 'ana', stock: 0 },
    { ov: 0, op: 'CREATE', actor: null, stock: 1 },
  ]);
  expect((await call('POST', `${path}/restore`, 'ana', { ov: 1 })).body).toMatchObject({ title: 'Lamp', stock: 0 });
  expect((await call('GET', '/articles')).body).toMatchObject([{ title: 'Lamp' }]);
});

test('what an article refers to is that of the same instant', async () => {
  const { body: author } = await call('POST', '/authors', 'ana', { name: 'Mary Ann Evans' });
  await call('POST', '/articles', 'ana', { title: 'Middlemarch', author: author?._id, stock: 3 });
  const before = new Date().toISOString();
  await call('PATCH', `/authors/${author?._id}`, 'ana', { name: 'George Eliot' });
  const named = (name: string) => expect.arrayContaining([expect.objectContaining({ author: { ...author, name } })]);
  expect((await call('GET', '/articles')).body).toEqual(named('George Eliot'));
  expect((await call('GET', `/articles?at=${before}`)).body).toEqual(named('Mary Ann Evans'));
});

test('answers are those of the app as it was', async () => {
  const { body } = await call('POST', '/articles', 'ana', { title: 'Chair' });
  expect(Object.keys(body ?? {}).sort()).toEqual(['__v', '_id', 'createdAt', 'stock', 'title', 'updatedAt']);
});
