import { describe, expect, test } from 'vitest';
import { CHECKS } from '../support/correctness-checks.ts';
import { testDatabase } from '../support/database.ts';
import { type Entry, type HistoryLibrary, ourLibrary } from '../support/history-library.ts';
import { capture } from '../support/path-capture.ts';
import { WRITE_PATHS } from '../support/write-paths.ts';

const ours = await ourLibrary(await testDatabase(), 0);
const core = WRITE_PATHS.filter(({ core }) => core);
const [path] = core.filter(({ name }) => name === 'updateOne');
const [check] = CHECKS.filter(({ right }) => right === '1');

describe('by the measure that others are compared by', () => {
  test.each(core)('$name leaves a version of each changed document, or is refused', async (one) => {
    expect(await capture(ours, one)).toBe(one.refused ? 'refused' : 'yes');
  });

  test.each(CHECKS)('$name are right', async ({ find, right }) => {
    expect(await find(ours)).toBe(right);
  });
});

describe('that measure', () => {
  const forgetful: HistoryLibrary = { ...ours, entries: async () => [] };

  test('finds a document without an entry', async () => {
    expect(await capture(forgetful, path!)).toBe('no');
    expect(await check!.find(forgetful)).toBe('0');
  });

  test('finds an entry of a document that was not changed', async () => {
    let asked = 0;
    const surplus = (): Entry => ({ key: `surplus ${asked++}`, document: ours.id(2), n: undefined });
    const inventive: HistoryLibrary = { ...ours, entries: async () => [...(await ours.entries()), surplus()] };
    expect(await capture(inventive, path!)).toBe('wrong');
    expect(await check!.find(inventive)).toBe('2');
  });
});
