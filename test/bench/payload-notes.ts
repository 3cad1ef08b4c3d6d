import { randomBytes } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { type Model, type Mongoose, Types } from 'mongoose';
import type { ChronosModelType, ChronosPluginOptions } from '../../src/index.ts';
import type { Rounds } from './compare.ts';
import type { Plugin } from './documents.ts';

/** A document with a payload: what is looked for is its title. */
export interface Note {
  title: string;
  body: unknown;
  file?: string;
}

export type NoteModel = ChronosModelType<Note> & Model<Note>;

/** A size of payload, and how many documents of it are changed and read. */
export interface PayloadSize {
  readonly name: string;
  readonly documents: number;
  /** How often, and for how long, writes of it are compared: the first upload of each slice yields to nobody. */
  readonly writes: Pick<Rounds, 'rounds' | 'sliceMs'>;
  readonly payload: Omit<Note, 'title'>;
}

const LINE_BYTES = 100;

export const PAYLOAD_SIZES: readonly PayloadSize[] = [
  { name: '1 KB', documents: 200, writes: { rounds: 9, sliceMs: 1_000 }, payload: { body: bodyOf(1_000) } },
  { name: '100 KB', documents: 60, writes: { rounds: 7, sliceMs: 1_000 }, payload: { body: bodyOf(100_000) } },
  { name: '1 MB', documents: 20, writes: { rounds: 3, sliceMs: 1_000 }, payload: { body: bodyOf(1_000_000) } },
  {
    name: '5 MB blob',
    documents: 8,
    writes: { rounds: 3, sliceMs: 2_000 },
    payload: { body: bodyOf(1_000), file: randomBytes(5_000_000).toString('base64') },
  },
];

/** Objects in a list, as JSON is: about a hundred bytes of BSON each. */
function bodyOf(bytes: number): unknown {
  const lines = Array.from({ length: Math.ceil(bytes / LINE_BYTES) }, (_, n) => ({
    product: `product-${randomBytes(3).toString('hex')}`,
    quantity: n,
    price: n / 7,
    remark: `as of line ${n * 7919}`,
  }));
  return { lines };
}

/** The model with the plugin. With `payload` its payloads are kept in object storage. */
export async function noteModel(
  mongoose: Mongoose,
  plugin: Plugin,
  payload?: ChronosPluginOptions['payload'],
): Promise<NoteModel> {
  const schema = new mongoose.Schema<Note>(
    { title: String, body: mongoose.Schema.Types.Mixed, file: String },
    { autoIndex: false },
  );
  const kept = { indexed: ['title'], base64: { file: { contentType: 'application/pdf' } }, payload };
  schema.plugin(plugin as never, (payload === undefined ? {} : kept) as never);
  const model = mongoose.model<Note>('Note', schema, 'notes');
  await model.createCollection();
  return model as unknown as NoteModel;
}

interface NaiveNote {
  title: string;
  key: string;
  fileKey?: string | undefined;
}

/** What anyone would write by hand: the payload goes to a bucket, then a document that refers to it to MongoDB. */
export class NaiveNotes {
  readonly #model: Model<NaiveNote>;
  readonly #s3: S3Client;
  readonly #bucket: string;

  constructor(mongoose: Mongoose, s3: S3Client, bucket: string) {
    const schema = new mongoose.Schema<NaiveNote>(
      { title: String, key: String, fileKey: String },
      { autoIndex: false },
    );
    this.#model = mongoose.model<NaiveNote>('Naive', schema, 'naive');
    this.#s3 = s3;
    this.#bucket = bucket;
  }

  async create({ title, body, file }: Note): Promise<unknown> {
    const id = new Types.ObjectId();
    const key = await this.#put(`naive/${id}/0.json`, JSON.stringify({ title, body }));
    const fileKey = file === undefined ? {} : { fileKey: await this.#putFile(`naive/${id}/0.bin`, file) };
    await this.#model.create({ _id: id, title, key, ...fileKey });
    return id;
  }

  /** The file stays what it is. */
  async update(id: unknown, { title, body }: Note, n: number): Promise<unknown> {
    const key = await this.#put(`naive/${id}/${n}.json`, JSON.stringify({ title, body }));
    return this.#model.updateOne({ _id: id as never }, { title, key });
  }

  async read(id: unknown): Promise<Note> {
    const { key, fileKey } = await this.#model.findById(id).orFail();
    const note = JSON.parse(await this.#get(key, 'utf8')) as Note;
    if (fileKey !== undefined && fileKey !== null) note.file = await this.#get(fileKey, 'base64');
    return note;
  }

  #putFile(key: string, base64: string): Promise<string> {
    return this.#put(key, Buffer.from(base64, 'base64'));
  }

  async #put(key: string, body: string | Buffer): Promise<string> {
    await this.#s3.send(new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: body }));
    return key;
  }

  async #get(key: string, encoding: 'utf8' | 'base64'): Promise<string> {
    const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
    return (Body as NonNullable<typeof Body>).transformToString(encoding);
  }
}
