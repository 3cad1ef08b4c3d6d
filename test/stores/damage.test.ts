import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type ChronosModelType,
  chronos,
  FilePayloadStore,
  PayloadIntegrityError,
  PayloadMissingError,
  type PayloadStore,
} from '../../src/index.ts';
import { S3PayloadStore } from '../../src/payload/stores/s3-payload-store.ts';
import { testDatabase } from '../support/database.ts';
import { describeS3, newBucket, s3Client, s3Options } from '../support/s3-bucket.ts';
import { headsOf } from '../support/stored.ts';

const mongoose = await testDatabase();

interface Page {
  _id: number;
  title: string;
  text: string;
  file: string;
}
type Pages = ChronosModelType<Page>;

const page = (_id: number): Page => ({
  _id,
  title: 'page',
  text: `text ${_id}`,
  file: Buffer.from(`file ${_id}`).toString('base64'),
});

/** What happens to objects: each says what is thrown then. */
const DAMAGES = [
  {
    what: 'one byte is another one',
    error: PayloadIntegrityError,
    async damage(store: PayloadStore, key: string) {
      const bytes = Buffer.from(await store.get(key));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
      await store.put(key, bytes);
    },
  },
  {
    what: 'it is another object',
    error: PayloadIntegrityError,
    async damage(store: PayloadStore, key: string, other: string) {
      await store.put(key, await store.get(other));
    },
  },
  {
    what: 'its end is missing',
    error: PayloadIntegrityError,
    async damage(store: PayloadStore, key: string) {
      await store.put(key, (await store.get(key)).slice(0, -1));
    },
  },
  {
    what: 'it is gone',
    error: PayloadMissingError,
    damage: (store: PayloadStore, key: string) => store.delete(key),
  },
] as const;

/** Reads so many documents, of which one in a hundred has an object that is not what was stored. */
function damaged(name: string, reads: number, open: () => Promise<PayloadStore>): void {
  it(`of ${name} gives no wrong document, and names each object that is`, { timeout: 300_000 }, async () => {
    const store = await open();
    const schema = new mongoose.Schema<Page, Pages>(
      { _id: Number, title: String, text: String, file: String } as never,
      { versionKey: false } as never,
    );
    const base64 = { file: { contentType: 'image/png' } };
    schema.plugin(chronos, { indexed: ['title'], base64, payload: { json: store, prefix: 'app' } });
    const Pages = mongoose.model<Page, Pages>(`Page of ${name}`, schema, `pages-${name}`);
    await Pages.insertMany(Array.from({ length: reads }, (_, _id) => page(_id)));
    await Pages.flush();
    await Pages.markItemsAsProcessedByTTL(0, { confirm: true });
    const keysOf = async (_id: number) => {
      const { _system } = (await headsOf(Pages).findOne({ _id } as never)) as unknown as {
        _system: { payload: { key: string }; blobs: readonly { blobKey: string }[] };
      };
      return [_system.payload.key, (_system.blobs[0] as { blobKey: string }).blobKey] as const;
    };
    const expected = new Map<number, { readonly error: unknown; readonly key: string }>();
    for (let nth = 0; nth < Math.max(reads / 100, 8); nth++) {
      const _id = (nth * 97 + 13) % reads;
      const { damage, error } = DAMAGES[nth % DAMAGES.length] as (typeof DAMAGES)[number];
      // The JSON and the blob in turn.
      const which = (nth >> 2) % 2;
      const key = (await keysOf(_id))[which] as string;
      await damage(store, key, (await keysOf((_id + 1) % reads))[which] as string);
      expected.set(_id, { error, key });
    }
    const read = async (_id: number) => {
      const found = await Pages.findById(_id)
        .lean()
        .then(null, (error: unknown) => error);
      const damage = expected.get(_id);
      if (damage === undefined) return expect(found).toEqual(page(_id));
      expect([_id, found]).toEqual([_id, expect.any(damage.error)]);
      expect(found).toMatchObject({ key: damage.key });
      expect((found as Error).message).toContain(damage.key);
    };
    const next = Array.from({ length: reads }, (_, _id) => _id)[Symbol.iterator]();
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (const _id of next) await read(_id);
      }),
    );
    await expect(Pages.find().lean()).rejects.toMatchObject({ key: expect.stringMatching(/^app\/pages/) });
    expect(await Pages.countDocuments({ title: 'page' })).toBe(reads);
  });
}

/** As many as are promised by `CHRONOS_TEST_READS=10000`. */
const READS = Number(process.env.CHRONOS_TEST_READS ?? 1_000);

describe('a model with damaged objects', () => {
  let folder: string;
  afterAll(() => rm(folder, { recursive: true, force: true }));
  damaged('files', READS, async () => {
    folder = await mkdtemp(join(tmpdir(), 'chronos-damage-'));
    return new FilePayloadStore(folder);
  });
});

describeS3('a model with damaged objects', (server) => {
  const client = s3Client(server);
  const open = async () => new S3PayloadStore(await newBucket(client), s3Options(server.endpoint));
  damaged(server.name, READS / 5, open);
});
