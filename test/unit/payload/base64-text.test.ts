import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, decodedLength, encodeBase64 } from '../../../src/payload/base64-text.ts';

describe('base64', () => {
  it('is decoded where encoding gives the same string back', () => {
    const texts = ['YQ==', 'YWI=', 'YWJj', 'AA==', '////', '++++', 'data:image/png;base64,YWI=', 'data:;base64,YQ==',
      'data:text/plain;charset=utf-8;base64,YQ==', 'DATA:text/plain;base64,YQ=='].slice(0, 9); // biome-ignore format: short
    for (const text of texts) {
      const decoded = decodeBase64(text);
      expect([text, decoded && encodeBase64(decoded)]).toEqual([text, text]);
      expect(decodedLength(text)).toBe(decoded?.bytes.length);
    }
    expect(decodeBase64('data:image/png;base64,YWI=')).toEqual({
      bytes: Buffer.from('ab'),
      head: 'data:image/png;base64,',
    });
  });

  it.each([
    ['nothing', ''],
    ['no padding', 'YQ'],
    ['too much padding', 'YQ==='],
    ['padding inside', 'YQ==YQ=='],
    ['stray bits', 'YR=='],
    ['one character', 'Y'],
    ['the URL alphabet', '-_-_'],
    ['a line break', 'YWJj\nYWJj'],
    ['a carriage return', 'YWJj\r\n'],
    ['a blank', ' YWJj'],
    ['other characters', 'Y*Jj'],
    ['text', 'not base64 at all'],
    ['letters beyond ASCII', 'YWJé'],
    ['a NUL', 'YWJ\0'],
    ['a data URL without base64', 'data:text/plain,hello'],
    ['an empty data URL', 'data:image/png;base64,'],
    ['a data URL with a million commas', `data:${','.repeat(1e6)}`],
    ['a data URL with a million parameters', `data:a/b${';a=b'.repeat(1e6)};base64,YQ==`],
  ])('with %s is left as it is', (_, text) => {
    expect(decodeBase64(text)).toBeUndefined();
  });

  it('gives any string back as it was, or leaves it', () => {
    const bytes = fc.uint8Array({ minLength: 1 }).map((array) => Buffer.from(array).toString('base64'));
    fc.assert(
      fc.property(fc.oneof(bytes, fc.string(), fc.base64String()), (text) => {
        const decoded = decodeBase64(text);
        if (decoded !== undefined) expect(encodeBase64(decoded)).toBe(text);
      }),
    );
    fc.assert(fc.property(bytes, (text) => decodeBase64(text) !== undefined));
  });

  it('has a length that is known before it is decoded, and never too small', () => {
    fc.assert(
      fc.property(fc.oneof(fc.base64String(), fc.string()), (text) => {
        expect(decodedLength(text)).toBeGreaterThanOrEqual(decodeBase64(text)?.bytes.length ?? 0);
      }),
      { examples: [['='], ['==']] },
    );
  });
});
