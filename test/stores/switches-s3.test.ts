import type { mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { Base64, ChronosEntity, ChronosModel, Prop } from '../../decorators/index.ts';
import type { ChronosConfig } from '../../src/index.ts';
import { isRowId, shownId, tenantOf } from '../../src/row-id.ts';
import { whereFound } from '../support/all-stored.ts';
import { testRegistries } from '../support/registry.ts';
import { describeS3, s3Client, s3Options } from '../support/s3-bucket.ts';
import { everyVersion, versionedBucket, versionsIn } from '../support/s3-versions.ts';

@ChronosEntity({ collection: 'papers', indexed: ['title'], versioning: { collectionVersion: false } })
class Paper extends ChronosModel<string> {
  @Prop({ type: String }) override _id!: string;
  @Prop() title?: string;
  @Prop() text?: string;
  @Base64({ contentType: 'text/plain', preferredText: true }) scan?: string;
}

@ChronosEntity({ collection: 'papers', indexed: ['title'], tenantField: 'org' })
class SharedPaper extends ChronosModel<string> {
  @Prop({ type: String }) override _id!: string;
  @Prop() title?: string;
  @Prop() text?: string;
  @Base64({ contentType: 'text/plain', preferredText: true }) scan?: string;
}

const { init, prefix, mongoUri, admin } = await testRegistries();
const base64 = (text: string) => Buffer.from(text).toString('base64');
const confirm = true;
const OFF = { enabled: false };
const TENANTS = ['a', 'b'] as const;

/** Whether tenants have databases of their own, or share a collection. */
const TENANCIES = {
  'a database': { entity: Paper, name: (tenant: string) => `-${tenant}`, also: [] },
  'a part of a collection': { entity: SharedPaper, name: () => '', also: ['papers_counter'] },
} as const;

interface Switched {
  readonly switches: Pick<ChronosConfig, 'versioning' | 'logicalDelete'>;
  /** The records of versions that there are in the end. */
  readonly records: readonly string[];
  /** The versions of the document that stays whose bodies there are in the end. */
  readonly bodies: readonly number[];
}

const GONE = ['deleteOne', 'deleteMany', 'findOneAndDelete', 'document', 'bulkWrite'] as const;

const KEPT = [0, 1, 2, 3, 4, 5];
const SWITCHED: Record<string, Switched> = {
  'versioning off': { switches: { versioning: OFF }, records: [], bodies: [5] },
  'logical delete off': {
    switches: { logicalDelete: OFF },
    records: [...KEPT.slice(0, -1).map((ov) => `kept ${ov}`), ...GONE.map((id) => `${id} 2 ERASE`)].sort(),
    bodies: KEPT,
  },
  'both off': { switches: { versioning: OFF, logicalDelete: OFF }, records: [], bodies: [5] },
};

type Papers = ReturnType<typeof Paper.forTenant<typeof Paper>>;

/** Versions 0 to 5, by as many paths; the blob of the third stays. */
async function live(Papers: Papers, plant: (text: string) => string): Promise<void> {
  const _id = 'kept';
  await Papers.create([{ _id, title: 't', text: plant('0'), scan: base64(plant('scan 0')) }]);
  await Papers.flush();
  await Papers.updateOne({ _id }, { text: plant('1') });
  await Papers.flush();
  await Papers.markItemAsProcessed(_id, { confirm });
  await Papers.findOneAndUpdate({ _id }, { scan: base64(plant('scan 2')) });
  await Papers.flush();
  const paper = await Papers.findById(_id).orFail();
  paper.text = plant('3');
  await paper.save();
  await Papers.bulkWrite([{ updateMany: { filter: { title: 't' }, update: { text: plant('4') } } }] as never[]);
  await Papers.flush();
  await Papers.markItemAsProcessed(_id, { confirm });
  await Papers.replaceOne({ _id }, { title: 't', text: plant('5'), scan: base64(plant('scan 2')) });
  await Papers.flush();
}

async function liveAndDie(Papers: Papers, plant: (text: string) => string): Promise<void> {
  await Papers.insertMany(
    GONE.map((_id) => ({ _id, title: 'gone', text: plant(_id), scan: base64(plant(`scan of ${_id}`)) })),
  );
  await Papers.flush();
  await Papers.markItemAsProcessed('deleteOne', { confirm });
  await Papers.updateMany({ title: 'gone' }, { text: plant('new') });
  await Papers.flush();
  for (const _id of ['deleteMany', 'findOneAndDelete']) await Papers.markItemAsProcessed(_id, { confirm });
  const deletions: Record<(typeof GONE)[number], (_id: string) => PromiseLike<unknown>> = {
    deleteOne: (_id) => Papers.deleteOne({ _id }),
    deleteMany: (_id) => Papers.deleteMany({ _id }),
    findOneAndDelete: (_id) => Papers.findOneAndDelete({ _id }),
    document: async (_id) => (await Papers.findById(_id).orFail()).deleteOne(),
    bulkWrite: (_id) => Papers.bulkWrite([{ deleteOne: { filter: { _id } } }] as never[]),
  };
  for (const _id of GONE) await deletions[_id](_id);
  await Papers.flush();
}

/** The documents of each collection of a database, by its name. */
async function collectionsOf(dbName: string): Promise<Record<string, mongo.Document[]>> {
  const collections = await admin.db(dbName).listCollections().toArray();
  const names = collections.filter(({ type }) => type === 'collection').map(({ name }) => name);
  const all = names.sort().map(async (name) => [name, await admin.db(dbName).collection(name).find().toArray()]);
  return Object.fromEntries(await Promise.all(all));
}

/** `kept 3`, or `deleteOne 2 ERASE`, of the records of one tenant. */
function recordsIn(rows: readonly mongo.Document[], tenant: string): string[] {
  const own = rows.filter(({ _id }) => !isRowId(_id.id) || tenantOf(_id.id) === tenant);
  return own.map(({ _id, _system }) => [shownId(_id.id), _id.ov, _system.op ?? []].flat().join(' ')).sort();
}

describeS3('what is left', (server) => {
  const client = s3Client(server);
  const { endpoint, region, accessKey = '', secretKey = '' } = s3Options(server.endpoint);
  const cases = Object.keys(SWITCHED).flatMap((name) =>
    Object.keys(TENANCIES).map((tenancy) => [name, tenancy as keyof typeof TENANCIES] as const),
  );

  test.each(cases)('with %s, of tenants that have %s, is what should be there', async (name, tenancy) => {
    const { switches, records, bodies } = SWITCHED[name] as Switched;
    const { entity, name: nameOf, also } = TENANCIES[tenancy];
    const base = `${prefix}${server.name}-${name.replaceAll(' ', '')}-${tenancy.length}`;
    const [json, content, versions, backup] = await Promise.all(['', '', '', ''].map(() => versionedBucket(client)));
    const buckets = { json, content, versions, backup } as Record<'json' | 'content' | 'versions' | 'backup', string>;
    const all = Object.values(buckets);
    const dbName = entity === Paper ? `${base}-{tenantId}` : base;
    const chronos = init({
      mongoConns: [{ key: 'main', mongoUri }],
      databases: { runtime: [{ key: 'app', mongoConnKey: 'main', dbName, tenantIds: [...TENANTS] }] },
      spacesConns: [{ key: 's3', endpoint, region, accessKey, secretKey, buckets, forcePathStyle: true }],
      entities: [entity],
      ...switches,
    });
    try {
      for (const tenant of TENANTS) {
        const Papers = entity.forTenant(tenant) as unknown as Papers;
        await live(Papers, (text) => `planted ${tenant} ${text}.`);
        await liveAndDie(Papers, (text) => `planted ${tenant} gone ${text}.`);
      }
      await chronos.flush();

      for (const tenant of TENANTS) {
        const collections = await collectionsOf(`${base}${nameOf(tenant)}`);
        const names = ['papers', ...also, 'papers_locks', ...(records.length > 0 ? ['papers_ver'] : [])];
        expect(Object.keys(collections)).toEqual(names);
        expect(recordsIn(collections.papers_ver ?? [], tenant)).toEqual(records);
        expect(collections.papers?.map(({ _id }) => shownId(_id))).toEqual(
          entity === Paper ? ['kept'] : ['kept', 'kept'],
        );

        const keysIn = async (bucket: string) => {
          const found = (await versionsIn(client, bucket)).filter(({ key }) => !key.includes('/!owner/'));
          expect(found.filter(({ isMarker }) => isMarker)).toEqual([]);
          const own = found.filter(({ key }) => key.startsWith(`app/papers/${tenant}/`));
          return own.map(({ key }) => key.replace(/^app\/papers\/\w\/(s\.\w+)\/[0-9a-f]{8,32}\//, '$1 ')).sort();
        };
        expect(await keysIn(buckets.json)).toEqual(bodies.map((ov) => `s.kept v${ov}/item.json`));
        const blobs = bodies.length === 1 ? ['v2'] : ['v0', 'v2'];
        const ofBlobs = blobs.flatMap((v) => [`s.kept ${v}/scan/blob.bin`, `s.kept ${v}/scan/text.txt`]);
        expect(await keysIn(buckets.content)).toEqual(ofBlobs);
        expect(await versionsIn(client, buckets.versions)).toEqual([]);
        expect(await versionsIn(client, buckets.backup)).toEqual([]);

        const rows = Object.values(collections)
          .flat()
          .map((row) => Buffer.from(JSON.stringify(row)));
        const stored = [...rows, ...(await everyVersion(client, all))];
        expect(whereFound(`planted ${tenant} 5.`, stored)).toBe(true);
        expect(whereFound(`planted ${tenant} 3.`, stored)).toBe(bodies.length > 1);
        expect(whereFound(`planted ${tenant} scan 0.`, stored)).toBe(bodies.length > 1);
        expect(whereFound(`planted ${tenant} gone`, stored)).toBe(false);
        const Papers = entity.forTenant(tenant) as unknown as Papers;
        expect(await Papers.verify()).toMatchObject({ ok: true, findings: [] });
        expect(await Papers.findById('kept').lean()).toMatchObject({ text: `planted ${tenant} 5.` });
      }
    } finally {
      await chronos.close();
    }
  });
});
