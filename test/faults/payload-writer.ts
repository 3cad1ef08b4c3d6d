import type { Mongoose } from 'mongoose';
import {
  type ChronosModelType,
  type ChronosPluginOptions,
  chronos,
  FilePayloadStore,
  type PutOptions,
} from '../../src/index.ts';

/** Documents whose payload is on its way to a directory, or there. */
export interface Paper {
  _id: string;
  title: string;
  n: number;
  text: string;
  file?: string;
}

export type PaperModel = ChronosModelType<Paper>;

/** A directory whose uploads are told before they begin and after they have ended. */
export class ToldStore extends FilePayloadStore {
  readonly #told: () => void;

  constructor(directory: string, told: () => void = () => undefined) {
    super(directory);
    this.#told = told;
  }

  override async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions) {
    this.#told();
    const digest = await super.put(key, body, options);
    this.#told();
    return digest;
  }

  override async delete(key: string) {
    this.#told();
    await super.delete(key);
    this.#told();
  }
}

export function paperModel(
  mongoose: Mongoose,
  collection: string,
  store: FilePayloadStore,
  options: ChronosPluginOptions = {},
): PaperModel {
  const schema = new mongoose.Schema<Paper, PaperModel>(
    { _id: String, title: String, n: Number, text: String, file: String } as never,
    { collection, autoIndex: false, autoCreate: false } as never,
  );
  schema.plugin(chronos, {
    indexed: ['title', 'n'],
    base64: { file: { contentType: 'application/pdf' } },
    payload: { json: store, prefix: PREFIX },
    ...options,
  });
  return mongoose.model<Paper, PaperModel>(collection, schema);
}

/** What the keys of all objects begin with. */
export const PREFIX = 'papers';
export const FILE = Buffer.from('a file').toString('base64');
export const textOf = (n: number) => `text ${n}`;
export const paper = (_id: string, n: number): Paper => ({ _id, title: 'paper', n, text: textOf(n), file: FILE });

/** Documents of one version each, only a part of which is in MongoDB. */
export async function seedPapers(Model: PaperModel): Promise<void> {
  await Model.insertMany(['updated', 'deleted', 'replaced'].map((_id) => paper(_id, 1)));
  await offload(Model);
}

export async function offload(Model: PaperModel): Promise<void> {
  await Model.flush();
  await Model.markItemsAsProcessedByTTL(0, { confirm: true });
}

/** Writes, stores and takes out of MongoDB. */
export async function writePapers(Model: PaperModel): Promise<void> {
  await Model.create([paper('created', 2)]);
  await Model.updateOne({ _id: 'updated' }, { $inc: { n: 1 }, $set: { text: textOf(2) } });
  await Model.deleteOne({ _id: 'deleted' });
  await Model.replaceOne({ _id: 'replaced' }, { title: 'paper', n: 2, text: textOf(2) });
  await offload(Model);
}

/** Of a paper that is too large to be committed as a whole. */
export const LARGE_FILE = Buffer.alloc(9_100_000, 'a large file').toString('base64');

/** Makes documents whose blobs are stored before they are committed, and changes one. */
export async function writeLargePapers(Model: PaperModel): Promise<void> {
  await Model.create([{ ...paper('created', 2), file: LARGE_FILE }]);
  await Model.updateOne({ _id: 'updated' }, { $set: { n: 2, text: textOf(2), file: LARGE_FILE } });
  await Model.updateOne({ _id: 'updated' }, { $inc: { n: 1 }, $set: { text: textOf(3) } });
}
