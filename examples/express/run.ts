// An Express app that was there before adopts the plugin: its data needs no migration, and its code goes on.
import { once } from 'node:events';
import mongoose from 'mongoose';
import { createApp } from './app.ts';

const uri = process.env.MONGODB_URI ?? 'mongodb://127.0.0.1:27017/?replicaSet=rs0';
const connection = await mongoose.createConnection(uri, { dbName: 'bookshop' }).asPromise();
await connection.dropDatabase();
// A document from before: by the app as it was, or by any other program.
const { insertedId: lamp } = await connection.collection('articles').insertOne({ title: 'Lamp', stock: 2 });

const server = createApp(connection).listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const port = typeof address === 'object' ? address?.port : undefined;

async function call(method: string, path: string, user: string, body?: object): Promise<string> {
  const headers = { 'content-type': 'application/json', 'x-user': user };
  const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
  return (await fetch(`http://127.0.0.1:${port}${path}`, init)).text();
}

const before = new Date().toISOString();
await call('POST', `/articles/${lamp}/sales`, 'ana');
await call('POST', `/articles/${lamp}/sales`, 'ben');
await call('DELETE', `/articles/${lamp}`, 'eve');

console.log('now:     ', await call('GET', '/articles', 'ana'));
console.log('before:  ', await call('GET', `/articles?at=${before}`, 'ana'));
console.log('history: ', await call('GET', `/articles/${lamp}/history`, 'ana'));
console.log('restored:', await call('POST', `/articles/${lamp}/restore`, 'ana', { ov: 2 }));

server.close();
await connection.close();
