import type { Mongoose, mongo, Schema } from 'mongoose';
import { chronos } from '../../src/index.ts';
import { type Change, changesDuring } from './logged-changes.ts';
import { Portrait } from './portrait.ts';
import { headsOf, recordsOf } from './stored.ts';
import { NUMBERS, type Sample, type SampleModel, SEED, sampleSchema, type WritePath } from './write-paths.ts';

type Raw = Record<string, unknown>;
type Collection = mongo.Collection<Raw>;

/** What one run of a write path came to: its result, the documents it left, and every change it made to one. */
export interface Run {
  readonly result: unknown;
  readonly documents: unknown;
  /** By document, in the order made: each change, and with the first one the document as it was before. */
  readonly changes: unknown;
}

export interface Probe {
  readonly plain: Run;
  readonly versioned: Run;
  /** How many version records the path left. */
  readonly records: number;
  /** Whether each document's versions are numbered from 0 without a gap. */
  readonly gapless: boolean;
}

interface ProbeOptions {
  /** Documents from before the plugin, without bookkeeping. */
  readonly adopted?: boolean;
}

interface Twins {
  readonly plain: SampleModel;
  readonly versioned: SampleModel;
}

/** Models are dear to set up: paths of one schema share theirs, one after the other. */
const twins = new WeakMap<Mongoose, Map<WritePath['schema'], Promise<Twins>>>();

/**
 * Takes a write path on a model with history and on a plain twin. What the twin's documents went through is told by the
 * server's own log.
 */
export async function probe(
  mongoose: Mongoose,
  path: WritePath,
  { adopted = false }: ProbeOptions = {},
): Promise<Probe> {
  const { plain, versioned } = await twinsOf(mongoose, path);
  await empty({ plain, versioned });
  const seed = path.seed ?? SEED;
  if (seed.length > 0) {
    await headsOf(plain).insertMany(seed.map((document) => ({ ...document })));
    const into = adopted ? headsOf(versioned) : versioned.collection;
    await (into as unknown as Collection).insertMany(seed.map((document) => ({ ...document })));
  }
  return {
    plain: await runPlain(mongoose, plain, path),
    ...(await runVersioned(mongoose, versioned, path)),
  };
}

function twinsOf(mongoose: Mongoose, path: WritePath): Promise<Twins> {
  const bySchema = twins.get(mongoose) ?? new Map<WritePath['schema'], Promise<Twins>>();
  twins.set(mongoose, bySchema);
  const known = bySchema.get(path.schema);
  if (known !== undefined) return known;
  const created = Promise.all([
    twin(mongoose, path, `Plain${bySchema.size}`, false),
    twin(mongoose, path, `Versioned${bySchema.size}`, true),
  ]).then(([plain, versioned]) => ({ plain, versioned }));
  bySchema.set(path.schema, created);
  return created;
}

async function twin(mongoose: Mongoose, path: WritePath, name: string, withHistory: boolean): Promise<SampleModel> {
  const schema: Schema<Sample> = (path.schema ?? sampleSchema)(mongoose);
  if (withHistory) schema.plugin(chronos);
  const model = mongoose.model<Sample>(`Sample${name}`, schema, `samples${name}`);
  await model.createCollection();
  await model.init();
  return model;
}

async function empty({ plain, versioned }: Twins): Promise<void> {
  await Promise.all(
    [headsOf(plain), headsOf(versioned), recordsOf(versioned)].map((collection) => collection.deleteMany({})),
  );
}

const EXACT = { promoteValues: false, promoteLongs: false } as const;

async function documentsOf(collection: Collection): Promise<Raw[]> {
  const documents = await collection.find({}, { sort: { _id: 1 }, ...EXACT }).toArray();
  return documents.map(withoutSystem);
}

function withoutSystem({ _system, ...document }: Raw): Raw {
  return document;
}

async function runPlain(mongoose: Mongoose, model: SampleModel, path: WritePath): Promise<Run> {
  const portrait = new Portrait(mongoose, model.modelName.replace('Sample', ''));
  const before = await documentsOf(headsOf(model));
  const { result: run, changes } = await changesDuring(model, async () => {
    const result = portrait.of(await path.write(model, NUMBERS, mongoose));
    return { result, documents: portrait.of(await documentsOf(headsOf(model))) };
  });
  return { ...run, changes: portrait.of(byDocument(mongoose, changes, before)) };
}

/** @param before the documents that the first change of each met */
function byDocument(mongoose: Mongoose, changes: readonly Change[], before: readonly Raw[]): unknown[] {
  const key = keyIn(mongoose);
  const met = new Map(before.map((document) => [key(document._id), document]));
  const keys = [...new Set(changes.map(({ id }) => key(id)))].sort();
  return keys.map((wanted) => {
    const own = changes.filter(({ id }) => key(id) === wanted);
    return { before: met.get(wanted) ?? null, changes: own };
  });
}

function keyIn({ mongo }: Mongoose): (id: unknown) => string {
  return (id) => mongo.BSON.EJSON.stringify({ id }, { relaxed: false });
}

async function runVersioned(
  mongoose: Mongoose,
  model: SampleModel,
  path: WritePath,
): Promise<Pick<Probe, 'versioned' | 'records' | 'gapless'>> {
  const portrait = new Portrait(mongoose, model.modelName.replace('Sample', ''));
  const key = keyIn(mongoose);
  const seeded = new Set((await documentsOf(headsOf(model))).map(({ _id }) => key(_id)));
  const result = portrait.of(await path.write(model, NUMBERS, mongoose));
  const documents = portrait.of(await documentsOf(headsOf(model)));
  const records = await pastVersions(model);
  const lives = [...groupBy([...records, ...(await currentVersions(model))], ({ id }) => key(id))];
  const first = lives.flatMap(([id, [version]]) => (seeded.has(id) && version?.document ? [version.document] : []));
  const changes = lives.flatMap(([id, versions]) => changesOf(versions, seeded.has(id)));
  return {
    versioned: { result, documents, changes: portrait.of(byDocument(mongoose, changes, first)) },
    records: records.length,
    gapless: lives.every(([, versions]) => versions.every(({ ov }, index) => ov === index)),
  };
}

interface StoredVersion {
  readonly id: unknown;
  readonly ov: number;
  /** Null for a tombstone. */
  readonly document: Raw | null;
}

async function pastVersions(model: SampleModel): Promise<StoredVersion[]> {
  const stored = await recordsOf(model)
    .find({}, { sort: { '_id.id': 1, '_id.ov': 1 }, ...EXACT })
    .toArray();
  return stored.map(({ _id, ...record }) => {
    const { id, ov } = _id as unknown as { id: unknown; ov: unknown };
    const deleted = String((record._system as Raw).deleted) === 'true';
    return { id, ov: Number(ov), document: deleted ? null : { _id: id, ...withoutSystem(record) } };
  });
}

async function currentVersions(model: SampleModel): Promise<StoredVersion[]> {
  const heads = await headsOf(model).find({}, EXACT).toArray();
  return heads.map((document) => {
    const ov = Number((document._system as Raw | undefined)?.ov ?? 0);
    return { id: document._id, ov, document: withoutSystem(document) };
  });
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** What a document went through, told from its versions in their order. */
function changesOf(versions: readonly StoredVersion[], existed: boolean): Change[] {
  return versions.flatMap(({ id, document }, index): Change[] => {
    if (index === 0 && existed) return [];
    const begins = index === 0 || versions[index - 1]?.document === null;
    return [{ id, change: begins ? 'insert' : document === null ? 'delete' : 'change' }];
  });
}
