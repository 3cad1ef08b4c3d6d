import { expect, test } from 'vitest';
import { COMPILE_TIMEOUT, compile } from '../support/compile.ts';

test('the types hold with Mongoose 8 as they do with 9', { timeout: COMPILE_TIMEOUT }, async () => {
  expect(await compile('-p', 'test/types/tsconfig.mongoose8.json')).toBe('');
});
