// A NestJS app whose models are those of the tenant of each request.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule, User } from './app.module.ts';

const app = await NestFactory.create(AppModule, { logger: ['error'] });
app.enableShutdownHooks(); // else only app.close() closes the connections
await app.listen(0, '127.0.0.1');
const url = await app.getUrl();

async function call(method: string, path: string, tenant: string, body?: object): Promise<string> {
  const headers = { 'content-type': 'application/json', 'x-tenant': tenant, 'x-user': 'ana' };
  const response = await fetch(url + path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
  return response.text();
}

await call('POST', '/users', 'acme', { email: 'ana@acme.example' });
// Where there is no request, as in a job, the tenant is named.
const { _id } = await User.forTenant('acme').findOne().orFail();
const before = new Date().toISOString();
await call('PATCH', `/users/${_id}`, 'acme', { status: 'active' });

console.log('acme now: ', await call('GET', '/users', 'acme'));
console.log('acme then:', await call('GET', `/users?at=${before}`, 'acme'));
console.log('globex:   ', await call('GET', '/users', 'globex'));
console.log('history:  ', await call('GET', `/users/${_id}/history`, 'acme'));

await app.close();
