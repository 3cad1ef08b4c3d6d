import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/errors.ts';
import { assertCharset, decodeText } from '../../../src/payload/text-charset.ts';

/** Bytes as other programs write them, and what they say. */
const vectors: readonly (readonly [charset: string, hex: string, text: string])[] = [
  ['utf-8', 'efbbbfc3a9e282ac', 'é€'],
  ['utf-16le', 'e900ac20', 'é€'],
  ['utf-16be', 'feff00e920ac', 'é€'],
  ['us-ascii', '416e61', 'Ana'],
  ['iso-8859-1', 'e9bf', 'é¿'],
  ['iso-8859-2', 'b1e6', 'ąć'],
  ['iso-8859-15', 'a4bd', '€œ'],
  ['windows-1250', '8ce6', 'Ść'],
  ['windows-1251', 'cff0e8', 'При'],
  ['windows-1252', '80e9', '€é'],
  ['windows-1253', 'c1e2', 'Αβ'],
  ['windows-1254', 'd0fe', 'Ğş'],
  ['windows-1255', 'f9ec', 'של'],
  ['windows-1256', 'c7e1', 'ال'],
  ['windows-1257', 'e0eb', 'ąė'],
  ['windows-1258', 'd5fe', 'Ơ₫'],
  ['koi8-r', 'f0d2c9', 'При'],
  ['shift_jis', '93fa967b', '日本'],
  ['euc-jp', 'c6fccbdc', '日本'],
  ['euc-kr', 'c7d1b1b9', '한국'],
  ['gb18030', 'd6d0b9fa8139ee39', '中国㐀'],
  ['big5', 'a4a4b0ea', '中國'],
];

describe('textCharset', () => {
  it.each(vectors)('%s: %s is %s', (charset, hex, text) => {
    assertCharset(charset, 'note');
    assertCharset(charset.toUpperCase(), 'note');
    expect(decodeText(Buffer.from(hex, 'hex'), charset)).toBe(text);
  });

  it.each(['', 'utf-9', 'ebcdic', 'base64', 'hex', 'utf-7', 'constructor', 'latin1 '])('refuses %j', (charset) => {
    expect(() => assertCharset(charset, 'note')).toThrow(ConfigError);
  });

  it('finds no text in bytes that are none', () => {
    expect(decodeText(Uint8Array.of(0x41, 0xff, 0x41), 'utf-8')).toBeUndefined();
    expect(decodeText(Uint8Array.of(0x41, 0, 1, 2), 'iso-8859-1')).toBeUndefined();
  });
});
