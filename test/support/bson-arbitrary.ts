import fc from 'fast-check';

/** An element's type byte and its encoded value. */
export interface RawValue {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Keys that documents in the wild have, and that JavaScript, Mongoose or EJSON take for something else. */
export const hostileKeys = [
  '',
  '0',
  '1',
  '10',
  '01',
  '-1',
  '4294967295',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'toBSON',
  'toJSON',
  'then',
  'length',
  '_bsontype',
  '_id',
  '_system',
  '$ref',
  '$id',
  '$db',
  '$oid',
  '$date',
  '$binary',
  '$set',
  'a',
  'b',
  'a.b',
  'é',
  'e\u0301',
  '\u{1F4A5}',
  '\x07',
] as const;

export const keys: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...hostileKeys),
  fc.string({ maxLength: 8, unit: 'binary' }).filter((text) => !text.includes('\0') && isWellFormed(text)),
);

const text = fc
  .oneof(
    fc.constantFrom('', 'a', '\0', 'NFC \u00e9', 'NFD e\u0301', '\uFFFD', '\u{1F4A5}'.repeat(9), 'x'.repeat(300)),
    fc.string({ unit: 'binary', maxLength: 40 }),
  )
  .filter((value) => isWellFormed(value));
const cText = text.map((value) => value.replaceAll('\0', ''));
const double = fc.oneof(
  fc.double(),
  fc.integer().map(Number),
  fc.constantFrom(0, -0, 1, 5, -1, 2 ** 31, 2 ** 31 - 1, -(2 ** 31), 2 ** 53, 2 ** 63, Number.NaN, Infinity, -Infinity),
);
const longWords = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, 5n, -1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n),
);
const dates = fc.oneof(
  fc.integer({ min: -8.64e15, max: 8.64e15 }).map(BigInt),
  fc.constantFrom(0n, -62_198_755_200_000n, 8_640_000_000_000_000n, 8_640_000_000_000_001n, 2n ** 63n - 1n),
);
const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const blob = fc.uint8Array({ maxLength: 40 });
const vectors = [[0x27, 0, 0, 0, 0x80, 0x3f], [0x03, 0, 1, 2], [0x10, 7, 0x80], [0x27, 0, 1], [0x10, 9, 1], []];

const of = <T>(type: number, values: fc.Arbitrary<T>, encode: (value: T) => Uint8Array): fc.Arbitrary<RawValue> =>
  values.map((value) => ({ type, bytes: encode(value) }));

const scalars: readonly fc.Arbitrary<RawValue>[] = [
  of(0x01, double, encodeDouble),
  of(0x02, text, encodeString),
  of(0x05, fc.tuple(fc.constantFrom(0, 1, 3, 4, 5, 6, 7, 8, 128, 255), blob), ([subtype, data]) =>
    encodeBinary(subtype, data),
  ),
  of(0x05, fc.tuple(fc.constantFrom(3, 4), bytes(16)), ([subtype, data]) => encodeBinary(subtype, data)),
  of(0x05, blob, (data) => encodeBinary(2, Buffer.concat([int32(data.length), data]))),
  of(0x07, bytes(12), (id) => id),
  of(0x08, fc.boolean(), (value) => Uint8Array.of(value ? 1 : 0)),
  of(0x09, dates, int64),
  of(0x0a, fc.constant(null), () => Uint8Array.of()),
  of(0x0b, fc.tuple(cText, fc.constantFrom('', 'i', 'im', 'imsx', 'u')), ([pattern, options]) =>
    encodeRegex(pattern, options),
  ),
  of(0x0d, text, encodeString),
  of(0x0e, text, encodeString),
  of(0x10, fc.integer(), int32),
  of(0x11, longWords, int64),
  of(0x12, longWords, int64),
  of(0x13, bytes(16), (value) => value),
  of(0x7f, fc.constant(null), () => Uint8Array.of()),
  of(0xff, fc.constant(null), () => Uint8Array.of()),
];

/** What the server stores but no JavaScript value serializes to. */
const oddities: readonly fc.Arbitrary<RawValue>[] = [
  of(0x01, bytes(6), (noise) => Buffer.concat([noise, Uint8Array.of(0xf8, 0xff)])),
  of(0x02, blob, (data) => Buffer.concat([int32(data.length + 1), data, Uint8Array.of(0)])),
  of(0x05, blob, (data) => encodeBinary(2, data)),
  of(0x05, fc.constantFrom(...vectors), (data) => encodeBinary(9, Uint8Array.from(data))),
  of(0x06, fc.constant(null), () => Uint8Array.of()),
  of(0x08, fc.constant(7), (value) => Uint8Array.of(value)),
  of(0x0b, fc.constantFrom('xi', 'gy', 'ii'), (options) => encodeRegex('a', options)),
  of(0x0c, fc.tuple(text, bytes(12)), ([namespace, id]) => Buffer.concat([encodeString(namespace), id])),
];

interface Shape {
  readonly maxDepth: number;
  readonly scalars: readonly fc.Arbitrary<RawValue>[];
  /** Whether documents may repeat keys, have keys that are not UTF-8, and arrays keys that are not their indexes. */
  readonly oddKeys: boolean;
}

function valuesOf(shape: Shape): fc.Arbitrary<RawValue> {
  return fc.letrec<{ value: RawValue }>((tie) => {
    const fields = fieldsOf(shape, tie('value'));
    const items = fc.array(tie('value'), { maxLength: 12 }).map((values) => encodeArray(values));
    return {
      value: fc.oneof(
        { maxDepth: shape.maxDepth, depthIdentifier: 'bson' },
        fc.oneof(...shape.scalars),
        of(0x03, fields, (value) => value),
        of(0x04, shape.oddKeys ? fc.oneof(items, fields) : items, (value) => value),
        of(0x0f, fc.tuple(text, fields), ([code, scope]) => encodeCodeWithScope(code, scope)),
      ),
    };
  }).value;
}

function fieldsOf(shape: Shape, values: fc.Arbitrary<RawValue>): fc.Arbitrary<Uint8Array> {
  const utf8 = keys.map((key) => Buffer.from(key, 'utf8'));
  if (!shape.oddKeys) {
    const unique = fc.uniqueArray(fc.tuple(utf8, values), { maxLength: 8, selector: ([key]) => key.toString('hex') });
    return unique.map(encodeDocument);
  }
  const anyKey = fc.oneof(
    { weight: 9, arbitrary: utf8 },
    { weight: 1, arbitrary: fc.uint8Array({ min: 1, maxLength: 4 }) },
  );
  return fc.array(fc.tuple(anyKey, values), { maxLength: 8 }).map(encodeDocument);
}

const expressible: Shape = { maxDepth: 4, scalars, oddKeys: false };

/** Raw documents of every type that drivers write, under any keys. */
export const rawDocuments: fc.Arbitrary<Uint8Array> = fieldsOf(expressible, valuesOf(expressible));

/** Values of those documents. */
export const rawValues: fc.Arbitrary<RawValue> = valuesOf(expressible);

const odd: Shape = { maxDepth: 3, scalars: [...scalars, ...oddities], oddKeys: true };

/** Raw documents as a server may hold them that was written to by other and older drivers. */
export const oddRawDocuments: fc.Arbitrary<Uint8Array> = fieldsOf(odd, valuesOf(odd));

/** Values of those documents. */
export const oddRawValues: fc.Arbitrary<RawValue> = valuesOf(odd);

export function encodeDocument(fields: readonly (readonly [key: Uint8Array | string, value: RawValue])[]): Uint8Array {
  const elements = fields.flatMap(([key, value]) => [
    Uint8Array.of(value.type),
    Buffer.from(key),
    Uint8Array.of(0),
    value.bytes,
  ]);
  const body = Buffer.concat(elements);
  return Buffer.concat([int32(body.length + 5), body, Uint8Array.of(0)]);
}

function encodeArray(values: readonly RawValue[]): Uint8Array {
  return encodeDocument(values.map((value, index) => [String(index), value]));
}

function encodeString(value: string): Uint8Array {
  const encoded = Buffer.from(value, 'utf8');
  return Buffer.concat([int32(encoded.length + 1), encoded, Uint8Array.of(0)]);
}

function encodeBinary(subtype: number, data: Uint8Array): Uint8Array {
  return Buffer.concat([int32(data.length), Uint8Array.of(subtype), data]);
}

function encodeRegex(pattern: string, options: string): Uint8Array {
  return Buffer.from(`${pattern}\0${options}\0`, 'utf8');
}

function encodeCodeWithScope(code: string, scope: Uint8Array): Uint8Array {
  const text = encodeString(code);
  return Buffer.concat([int32(4 + text.length + scope.length), text, scope]);
}

function encodeDouble(value: number): Uint8Array {
  const encoded = Buffer.alloc(8);
  encoded.writeDoubleLE(value);
  return encoded;
}

function int32(value: number): Uint8Array {
  const encoded = Buffer.alloc(4);
  encoded.writeInt32LE(value);
  return encoded;
}

function int64(value: bigint): Uint8Array {
  const encoded = Buffer.alloc(8);
  encoded.writeBigInt64LE(value);
  return encoded;
}

/** Whether a text has no lone surrogates, which UTF-8 cannot encode. */
function isWellFormed(value: string): boolean {
  return Buffer.from(value, 'utf8').toString('utf8') === value;
}
