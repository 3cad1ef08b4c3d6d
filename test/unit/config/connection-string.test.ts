import { expect, it } from 'vitest';
import { hostsOf } from '../../../src/config/connection-string.ts';

it.each([
  ['mongodb://localhost', ['localhost']],
  ['mongodb://my_host-1.example:27017/db?replicaSet=rs0', ['my_host-1.example:27017']],
  ['mongodb://ana:p%40ss:w/ord@a,b:1,[::1]:2/', ['a', 'b:1', '[::1]:2']],
  ['mongodb+srv://ana@cluster.example.net?retryWrites=true', ['cluster.example.net']],
  ['mongodb://%2Ftmp%2Fmongodb-27017.sock/db', ['%2Ftmp%2Fmongodb-27017.sock']],
  ['mongodb://ana:pa@secret@host/', []],
  ['mongodb://ana:secret', []],
])('of %s only the hosts are told', (uri, hosts) => {
  expect(hostsOf(uri)).toEqual(hosts);
});
