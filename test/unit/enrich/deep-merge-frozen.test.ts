import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const program = `
  Object.freeze(Object.prototype);
  const { deepMerge } = await import('./src/enrich/deep-merge.ts');
  const merged = deepMerge({ a: { b: 1 }, list: [{ id: 1 }] }, JSON.parse('{ "toString": 1, "a": { "valueOf": 2 }, "list": [{ "id": 1, "hasOwnProperty": 3 }, 4] }'));
  let refused;
  try { deepMerge({}, JSON.parse('{ "a": [{ "__proto__": { "isAdmin": true } }] }')); } catch (error) { refused = error.message; }
  console.log(JSON.stringify([merged, refused]));
`;

it('deepMerge works where Object.prototype is frozen', async () => {
  const runTypeScript = ['--import', './test/support/typescript.mjs', '--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, runTypeScript);
  expect(JSON.parse(stdout)).toEqual([
    { a: { b: 1, valueOf: 2 }, list: [{ id: 1, hasOwnProperty: 3 }, 4], toString: 1 },
    'Patch at a[0].__proto__ has a key that is not allowed',
  ]);
}, 60_000);
