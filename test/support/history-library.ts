import { setTimeout as sleep } from 'node:timers/promises';
import type { Mongoose, mongo, Schema } from 'mongoose';
import { chronos } from '../../src/index.ts';
import type { LoadedPeer, Peer, Subject } from './peers.ts';
import { headsOf, recordsOf } from './stored.ts';
import { type Ids, objectIds, type Sample, type SampleModel, SEED, sampleFields } from './write-paths.ts';

/** A library that keeps history, ours or another, on a model of samples beside a plain twin. */
export interface HistoryLibrary {
  /** E.g. `ts-patch-mongoose 4.0.1, Mongoose 9`. */
  readonly name: string;
  readonly mongoose: Mongoose;
  readonly plain: SampleModel;
  readonly versioned: SampleModel;
  /** The `_id` of each numbered document. */
  readonly id: Ids;
  /** All that it has recorded. */
  readonly entries: () => Promise<Entry[]>;
  /** Where that is kept, besides in the documents themselves. */
  readonly history: mongo.Collection<Raw>;
  /** How long after a write it may go on recording it. */
  readonly patienceMs: number;
}

/** One record of one change: a version of ours, an entry in the history of others. */
export interface Entry {
  readonly key: string;
  /** The `_id` of the document that it is of. */
  readonly document: unknown;
  /** What it tells the field `n` to have become. */
  readonly n: number | undefined;
}

type Raw = Record<string, unknown>;

const SAMPLES = 'samples';

export async function ourLibrary(mongoose: Mongoose, patienceMs: number): Promise<HistoryLibrary> {
  const twins = await twinsOf(mongoose, (schema) => schema.plugin(chronos));
  const history = recordsOf(twins.versioned);
  const entries = async (): Promise<Entry[]> => {
    const [heads, records] = [await headsOf(twins.versioned).find().toArray(), await history.find().toArray()];
    return [
      ...heads.map(({ _id, _system, n }) => version(_id, (_system as Raw | undefined)?.ov ?? 0, n)),
      ...records.map(({ _id, n }) => version((_id as unknown as Raw).id, (_id as unknown as Raw).ov, n)),
    ];
  };
  return { name: 'mongoose-chronos', mongoose, ...twins, id: objectIds(mongoose), entries, history, patienceMs };
}

function version(document: unknown, ov: unknown, n: unknown): Entry {
  return { key: `${document} ${ov}`, document, n: n as number | undefined };
}

/** Connects the Mongoose of a peer, for the caller to disconnect. */
export async function peerLibrary(peer: Peer, loaded: LoadedPeer, options: PeerOptions): Promise<HistoryLibrary> {
  const { mongoose, pluginFor } = loaded;
  await mongoose.connect(options.uri, { dbName: `capture-matrix-${peer.name}` });
  const twins = await twinsOf(mongoose, pluginFor(SUBJECT));
  await mongoose.syncIndexes();
  const history = mongoose.connection.db!.collection<Raw>(peer.historyOf(SAMPLES)) as unknown as mongo.Collection<Raw>;
  const entries = async (): Promise<Entry[]> => {
    const stored = await history.find().toArray();
    return stored.map((entry) => ({
      key: String(entry._id),
      document: (entry as Raw)[peer.idField],
      n: peer.numberIn(entry, 'n'),
    }));
  };
  const name = `${peer.name} ${peer.version}, Mongoose ${peer.mongoose}`;
  const { patienceMs } = options;
  return { name, mongoose, ...twins, id: objectIds(mongoose), entries, history, patienceMs };
}

interface PeerOptions {
  readonly uri: string;
  readonly patienceMs: number;
}

const SUBJECT: Subject = {
  collection: SAMPLES,
  fields: [
    ...['name', 'n', 'code', 'items', 'map', 'nested.a', 'nested.b', 'any', 'at', 'kind'].map((value) => ({ value })),
    { value: 'tags', arrayType: 'simple' },
  ],
};

async function twinsOf(
  mongoose: Mongoose,
  plugin: (schema: Schema) => void,
): Promise<Pick<HistoryLibrary, 'plain' | 'versioned'>> {
  const plain = mongoose.model<Sample>('PlainSample', schema(mongoose), `plain_${SAMPLES}`);
  const withHistory = schema(mongoose);
  plugin(withHistory as unknown as Schema);
  const versioned = mongoose.model<Sample>('VersionedSample', withHistory, SAMPLES);
  for (const model of [plain, versioned]) {
    await model.createCollection();
    await model.init();
  }
  return { plain, versioned };
}

/** Without timestamps: an entry that tells of nothing but `updatedAt` would count as one. */
function schema(mongoose: Mongoose): Schema<Sample> {
  return new mongoose.Schema<Sample>(sampleFields(mongoose) as never);
}

/** Leaves both models with the documents that every path meets, and no history but of them. */
export async function startAnew({ plain, versioned, history, id }: HistoryLibrary): Promise<void> {
  for (const collection of [headsOf(plain), headsOf(versioned), history]) await collection.deleteMany({});
  for (const { collection } of [plain, versioned]) {
    await collection.insertMany(SEED.map((sample) => ({ ...sample, _id: id(sample._id as number) })) as never[]);
  }
}

/**
 * The entries that a write leaves. They are waited for until there are enough, at most as long as the library may need
 * for them.
 */
export async function entriesLeftBy(
  { entries, patienceMs }: HistoryLibrary,
  write: () => Promise<unknown>,
  enough: (left: readonly Entry[]) => boolean,
): Promise<Entry[]> {
  const before = new Set((await entries()).map(({ key }) => key));
  await write();
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const left = (await entries()).filter(({ key }) => !before.has(key));
    if (enough(left) || performance.now() > deadline) return left;
    await sleep(POLL_MS);
  }
}

const POLL_MS = 20;
