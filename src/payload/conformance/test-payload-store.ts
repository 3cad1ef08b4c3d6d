import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { ConfigError, PayloadIntegrityError, PayloadMissingError, StorageError } from '../../errors.ts';
import { digestOf } from '../digest.ts';
import { listAll, type PayloadStore } from '../payload-store.ts';
import { oddKeys, refusedKeys } from './keys.ts';

export interface PayloadStoreSuite {
  /** The `test` of your runner: `(title, run) => void`. */
  readonly test: (title: string, run: () => Promise<void>) => unknown;
  /** Makes the store, which the tests share; each of them uses keys of its own. */
  readonly create: () => Promise<PayloadStore> | PayloadStore;
}

const text = (content: string) => Buffer.from(content, 'utf8');
const contentOf = async (store: PayloadStore, key: string) => Buffer.from(await store.get(key)).toString('utf8');

/**
 * Checks that a store does all that `PayloadStore` promises.
 *
 * @example
 * testPayloadStore({ test, create: () => new MyPayloadStore() });
 */
export function testPayloadStore({ test, create }: PayloadStoreSuite): void {
  let made: Promise<PayloadStore> | undefined;
  const check = (title: string, run: (store: PayloadStore, folder: string) => Promise<void>) =>
    test(title, async () => {
      made ??= Promise.resolve(create());
      await run(await made, `conformance-${randomBytes(6).toString('hex')}`);
    });
  for (const group of [contents, streams, ranges, digests, deletions, listings, keys, addresses, interruptions])
    group(check);
}

type Check = (title: string, run: (store: PayloadStore, folder: string) => Promise<void>) => void;

function contents(check: Check): void {
  check('gives back the bytes that were put, whatever they are', async (store, folder) => {
    const bodies = [
      Buffer.alloc(0),
      Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
      randomBytes(1_000_003),
    ];
    for (const [index, body] of bodies.entries()) {
      const key = `${folder}/${index}`;
      assert.deepEqual(await store.put(key, body), digestOf(body));
      assert.ok(body.equals(await store.get(key)));
      const facts = await store.head(key);
      assert.equal(facts?.length, body.length);
      assert.equal(facts?.key, key);
    }
  });

  check('tells of what it has stored, whatever it was told of it', async (store, folder) => {
    const told = digestOf(text('another'));
    const digest = await store.put(`${folder}/a`, text('one'), { digest: told }).catch(() => undefined);
    if (digest === undefined) assert.equal(await store.head(`${folder}/a`), undefined);
    else assert.deepEqual(digest, digestOf(text('one')));
    assert.deepEqual(
      await store.put(`${folder}/b`, text('one'), { digest: digestOf(text('one')) }),
      digestOf(text('one')),
    );
  });

  check('tells when an object was put', async (store, folder) => {
    await store.put(`${folder}/a`, text('a'));
    const facts = await store.head(`${folder}/a`);
    assert.ok(Math.abs(Date.now() - Number(facts?.modified)) < 60_000);
  });

  check('replaces an object as a whole', async (store, folder) => {
    await store.put(`${folder}/a`, text('a longer one'), { contentType: 'text/plain' });
    await store.put(`${folder}/a`, text('short'));
    assert.equal(await contentOf(store, `${folder}/a`), 'short');
  });

  check('keeps one of the objects that are put at the same time, whole', async (store, folder) => {
    const bodies = Array.from({ length: 16 }, (_, index) => String(index).repeat(20_000 + index));
    await Promise.all(bodies.map((body) => store.put(`${folder}/a`, text(body))));
    assert.ok(bodies.includes(await contentOf(store, `${folder}/a`)));
  });

  check(
    'replaces no object where asked, and lets one of those through that come at the same time',
    async (store, folder) => {
      const put = (body: string) => store.put(`${folder}/a`, text(body), { ifAbsent: true });
      const told = (error: unknown) => error instanceof StorageError && error.status === 412 && !error.retryable;
      const bodies = Array.from({ length: 8 }, (_, index) => `body ${index}`);
      const outcomes = await Promise.allSettled(bodies.map(put));
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      assert.equal(refused.length, bodies.length - 1);
      assert.ok(refused.every(({ reason }) => told(reason)));
      const first = bodies[outcomes.findIndex(({ status }) => status === 'fulfilled')];
      assert.equal(await contentOf(store, `${folder}/a`), first);
      const large = randomBytes(9 * MIB);
      await assert.rejects(store.put(`${folder}/a`, pieces(large, MIB), { ifAbsent: true }), told);
      assert.equal(await contentOf(store, `${folder}/a`), first);
      await store.delete(`${folder}/a`);
      assert.deepEqual(await put('again'), digestOf(text('again')));
    },
  );

  check('says that there is no object', async (store, folder) => {
    const missing = (error: unknown) =>
      error instanceof PayloadMissingError && error.key === `${folder}/none` && error.store === store.name;
    assert.equal(await store.head(`${folder}/none`), undefined);
    await assert.rejects(store.get(`${folder}/none`), missing);
    await assert.rejects(store.stream(`${folder}/none`), missing);
  });
}

async function* pieces(body: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < body.length; start += size) yield body.subarray(start, start + size);
}

async function gathered(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

const MIB = 2 ** 20;

function streams(check: Check): void {
  check('puts and gives back streams', async (store, folder) => {
    const body = randomBytes(300_000);
    assert.deepEqual(await store.put(`${folder}/a`, pieces(body, 7_777)), digestOf(body));
    assert.ok(body.equals(await gathered(await store.stream(`${folder}/a`))));
    await store.put(`${folder}/empty`, pieces(Buffer.alloc(0), 1));
    assert.equal((await gathered(await store.stream(`${folder}/empty`))).length, 0);
  });

  check('does so with objects of many parts', async (store, folder) => {
    const body = randomBytes(18 * MIB + 5);
    const digest = digestOf(body);
    assert.deepEqual(await store.put(`${folder}/stream`, pieces(body, 100_003)), digest);
    assert.deepEqual(await store.put(`${folder}/bytes`, body), digest);
    for (const key of [`${folder}/stream`, `${folder}/bytes`]) {
      assert.deepEqual(digestOf(await store.get(key)), digest);
      assert.deepEqual(digestOf(await gathered(await store.stream(key, { expected: digest }))), digest);
    }
  });

  check('stores nothing of a body that throws', async (store, folder) => {
    for (const before of [10, 9 * MIB]) {
      const failing = async function* () {
        yield randomBytes(before);
        throw new RangeError('the source failed');
      };
      await store.put(`${folder}/a`, text('kept'));
      await assert.rejects(store.put(`${folder}/a`, failing()), RangeError);
      await assert.rejects(store.put(`${folder}/b`, failing()), RangeError);
      assert.equal(await contentOf(store, `${folder}/a`), 'kept');
      assert.equal(await store.head(`${folder}/b`), undefined);
    }
  });
}

function ranges(check: Check): void {
  check('gives parts of an object', async (store, folder) => {
    await store.put(`${folder}/a`, text('0123456789'));
    const cases = [
      [{ start: 0, end: 3 }, '012'],
      [{ start: 4, end: 5 }, '4'],
      [{ start: 7 }, '789'],
      [{ start: 8, end: 100 }, '89'],
      [{ start: 10 }, ''],
      [{ start: 50, end: 60 }, ''],
      [{ start: 3, end: 3 }, ''],
    ] as const;
    for (const [range, expected] of cases) {
      assert.equal(Buffer.from(await store.get(`${folder}/a`, { range })).toString(), expected);
      assert.equal(String(await gathered(await store.stream(`${folder}/a`, { range }))), expected);
    }
  });
}

function digests(check: Check): void {
  check('gives no object but the one that was stored', async (store, folder) => {
    const right = digestOf(text('right'));
    await store.put(`${folder}/a`, text('right'));
    assert.equal(Buffer.from(await store.get(`${folder}/a`, { expected: right })).toString(), 'right');
    assert.equal(String(await gathered(await store.stream(`${folder}/a`, { expected: right }))), 'right');
    for (const wrong of ['Right', 'right!', '']) {
      await store.put(`${folder}/a`, text(wrong));
      const told = (error: unknown) => error instanceof PayloadIntegrityError && error.key === `${folder}/a`;
      await assert.rejects(store.get(`${folder}/a`, { expected: right }), told);
      await assert.rejects(async () => gathered(await store.stream(`${folder}/a`, { expected: right })), told);
    }
  });
}

function deletions(check: Check): void {
  check('deletes an object, and minds none that is not there', async (store, folder) => {
    await store.put(`${folder}/a/b`, text('a'));
    await store.put(`${folder}/a/c`, text('c'));
    await store.delete(`${folder}/a/b`);
    await store.delete(`${folder}/a/b`);
    await store.delete(`${folder}/none/at/all`, { allVersions: true });
    assert.equal(await store.head(`${folder}/a/b`), undefined);
    assert.equal(await contentOf(store, `${folder}/a/c`), 'c');
    await store.delete(`${folder}/a/c`, { allVersions: true });
    assert.deepEqual((await store.list(`${folder}/`)).objects, []);
    await store.put(`${folder}/a/b`, text('again'));
    assert.equal(await contentOf(store, `${folder}/a/b`), 'again');
  });
}

function listings(check: Check): void {
  check('lists by prefix, in the order of the bytes of keys', async (store, folder) => {
    const names = ['a/1', 'a/10', 'a/2', 'a-b', 'a.b', 'a', 'ab/x', 'b', 'B', '\u00e9', '\uffee', '\u{1F4A5}'];
    const put = names.filter((name) => name !== 'a').map((name) => `${folder}/${name}`);
    for (const key of put) await store.put(key, text(key));
    const sorted = [...put].sort((a, b) => Buffer.compare(text(a), text(b)));
    const keysOf = async (prefix: string) => (await store.list(`${folder}/${prefix}`)).objects.map(({ key }) => key);
    assert.deepEqual(await keysOf(''), sorted);
    assert.deepEqual(await keysOf('a/'), [`${folder}/a/1`, `${folder}/a/10`, `${folder}/a/2`]);
    assert.deepEqual(await keysOf('a/1'), [`${folder}/a/1`, `${folder}/a/10`]);
    assert.deepEqual(await keysOf('none'), []);
    const [first] = (await store.list(`${folder}/a/1`)).objects;
    assert.equal(first?.length, `${folder}/a/1`.length);
  });

  check('lists page by page, each object once', async (store, folder) => {
    const put = Array.from({ length: 25 }, (_, index) => `${folder}/${index % 3}/${index}`).sort();
    for (const key of put) await store.put(key, text('x'));
    for (const allVersions of [false, true]) {
      for (const limit of [1, 7, 25, 26]) {
        const listed: string[] = [];
        let after: string | undefined;
        do {
          const page = await store.list(`${folder}/`, { limit, after, allVersions });
          assert.ok(page.objects.length <= limit);
          listed.push(...page.objects.map(({ key }) => key));
          after = page.next;
        } while (after !== undefined);
        assert.deepEqual(listed, put);
      }
      const all: string[] = [];
      for await (const { key } of listAll(store, `${folder}/`, { allVersions })) all.push(key);
      assert.deepEqual(all, put);
    }
    assert.deepEqual((await store.list(`${folder}/`, { after: `${folder}/2` })).objects.length, 8);
  });
}

function keys(check: Check): void {
  check('takes every key, and tells all of them apart', async (store, folder) => {
    const put = oddKeys.map((key) => `${folder}/${key}`);
    await Promise.all(put.map((key) => store.put(key, text(key))));
    for (const key of put) assert.equal(await contentOf(store, key), key);
    const listed: string[] = [];
    for await (const { key } of listAll(store, `${folder}/`)) listed.push(key);
    assert.deepEqual(listed.sort(), [...put].sort());
    for (const key of put) await store.delete(key);
    assert.deepEqual((await store.list(`${folder}/`)).objects, []);
  });

  check('refuses what is no key', async (store) => {
    for (const key of refusedKeys) {
      await assert.rejects(store.put(key, text('x')), ConfigError, JSON.stringify(key));
      await assert.rejects(store.get(key), ConfigError);
      await assert.rejects(store.stream(key), ConfigError);
      await assert.rejects(store.head(key), ConfigError);
      await assert.rejects(store.delete(key), ConfigError);
      await assert.rejects(store.presign(key), ConfigError);
    }
    await assert.rejects(store.list('../'), ConfigError);
  });
}

function addresses(check: Check): void {
  check('presigns for an hour, for longer, and for a week at most', async (store, folder) => {
    await store.put(`${folder}/a`, text('a'));
    const expiry = async (ttlSeconds?: number) => (await store.presign(`${folder}/a`, { ttlSeconds })).expiresIn;
    assert.equal(await expiry(), 3600);
    assert.equal(await expiry(60), 60);
    assert.equal(await expiry(10 ** 9), 604_800);
    assert.ok(new URL((await store.presign(`${folder}/a`)).url));
    for (const ttl of [0, -1, Number.NaN, 0.5])
      await assert.rejects(store.presign(`${folder}/a`, { ttlSeconds: ttl }), ConfigError);
  });
}

function interruptions(check: Check): void {
  check('ends a call whose signal is given', async (store, folder) => {
    await store.put(`${folder}/a`, text('a'));
    const signal = AbortSignal.abort(new RangeError('enough'));
    await assert.rejects(store.put(`${folder}/a`, text('b'), { signal }), RangeError);
    await assert.rejects(store.get(`${folder}/a`, { signal }), RangeError);
    await assert.rejects(store.head(`${folder}/a`, { signal }), RangeError);
    assert.equal(await contentOf(store, `${folder}/a`), 'a');
  });

  check('has nothing to sweep where nothing was interrupted', async (store, folder) => {
    await store.put(`${folder}/a`, text('a'));
    assert.equal(await store.sweepInterrupted(new Date(0)), 0);
    assert.equal(await contentOf(store, `${folder}/a`), 'a');
  });
}
