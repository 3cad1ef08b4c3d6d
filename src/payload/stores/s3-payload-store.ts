import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { partsOf } from '../byte-stream.ts';
import { checkedBytes, checkedStream } from '../check-digest.ts';
import { type Digest, sha256 } from '../digest.ts';
import { assertKeyPrefix, assertObjectKey } from '../object-key.ts';
import type {
  CallOptions,
  DeleteOptions,
  GetOptions,
  ListOptions,
  ObjectFacts,
  ObjectPage,
  PayloadStore,
  PresignedUrl,
  PresignOptions,
  PutOptions,
  SweepInterruptedOptions,
} from '../payload-store.ts';
import { presignTtl } from '../presign-ttl.ts';
import { missingPackage, S3Connection } from './s3-connection.ts';
import { statusOf, translated, unlessNotFound } from './s3-errors.ts';
import { abortUploads, putInParts, type S3Bucket } from './s3-multipart.ts';
import type { S3Options } from './s3-options.ts';
import { IF_ABSENT, objectSettings } from './s3-settings.ts';
import { deleteVersions, listVersions } from './s3-versions.ts';
import { allowance, watched } from './timed-body.ts';

/** Keeps objects in a bucket of an S3-compatible service. */
export class S3PayloadStore implements PayloadStore {
  readonly name: string;
  readonly bucket: string;
  readonly #connection: S3Connection;

  /** @throws ConfigError for an option out of its range */
  constructor(bucket: string, connection: S3Connection | S3Options) {
    this.bucket = bucket;
    this.name = `s3 bucket ${bucket}`;
    this.#connection = connection instanceof S3Connection ? connection : new S3Connection(connection);
  }

  /** Small objects by one request, others in parts: never more than two parts of a body are in memory. */
  async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<Digest> {
    assertObjectKey(key);
    options.signal?.throwIfAborted();
    const parts = partsOf(body, this.#connection.partSize);
    const first = (await parts.next()).value as Uint8Array;
    const second = first.length < this.#connection.partSize ? undefined : (await parts.next()).value;
    if (second === undefined) return this.#putWhole(key, first, options);
    return putInParts({ ...this.#target, key, options }, [first, second], parts);
  }

  async get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    assertObjectKey(key);
    return this.#run(key, options, async () => {
      const answer = await this.#getObject(key, options);
      if (answer === undefined) return new Uint8Array();
      const bytes = await this.#collect(answer, options);
      return checkedBytes({ store: this.name, key }, bytes, expectedOf(options));
    });
  }

  /** Retried until the object begins to come. A body that is cut or stalls afterwards fails the stream. */
  async stream(key: string, options: GetOptions = {}): Promise<Readable> {
    assertObjectKey(key);
    const answer = await this.#run(key, options, () => this.#getObject(key, options));
    if (answer === undefined) return Readable.from([]);
    const body = watched(bodyOf(answer), this.#connection.timeoutMs);
    const source = Readable.from(this.#translatedBody(key, body), { objectMode: false });
    return checkedStream({ store: this.name, key }, source, expectedOf(options));
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectFacts | undefined> {
    assertObjectKey(key);
    return this.#run(key, options, async (abortSignal) => {
      const { sdk, client } = await this.#connection.load();
      const command = new sdk.HeadObjectCommand({ Bucket: this.bucket, Key: key });
      const facts = await client.send(command, { abortSignal }).catch(unlessNotFound);
      return facts && { key, length: facts.ContentLength ?? 0, modified: facts.LastModified ?? new Date(0) };
    });
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    assertObjectKey(key);
    if (options.allVersions === true) return deleteVersions(this.#target, key, options);
    await this.#run(key, options, async (abortSignal) => {
      const { sdk, client } = await this.#connection.load();
      const command = new sdk.DeleteObjectCommand({ Bucket: this.bucket, Key: key });
      await client.send(command, { abortSignal }).catch(unlessNotFound);
    });
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ObjectPage> {
    assertKeyPrefix(prefix);
    if (options.allVersions === true) return listVersions(this.#target, prefix, options);
    const { after, limit = 1000 } = options;
    return this.#run(undefined, options, async (abortSignal) => {
      const { sdk, client } = await this.#connection.load();
      const command = new sdk.ListObjectsV2Command({
        Bucket: this.bucket,
        Prefix: prefix,
        MaxKeys: limit,
        ...(after === undefined ? {} : { StartAfter: after }),
      });
      const { Contents = [], IsTruncated } = await client.send(command, { abortSignal });
      const objects = Contents.map((object) => ({
        key: object.Key ?? '',
        length: object.Size ?? 0,
        modified: object.LastModified ?? new Date(0),
      }));
      return { objects, next: IsTruncated === true ? objects.at(-1)?.key : undefined };
    });
  }

  /** A URL signed by the keys of this store. Nothing is asked of the service. */
  async presign(key: string, options: PresignOptions = {}): Promise<PresignedUrl> {
    assertObjectKey(key);
    const { contentType, fileName } = options;
    const expiresIn = presignTtl(options.ttlSeconds);
    const { sdk, client } = await this.#connection.load();
    const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner').catch((cause: unknown) => {
      throw missingPackage('@aws-sdk/s3-request-presigner', cause);
    });
    const command = new sdk.GetObjectCommand({
      Bucket: this.bucket,
      Key: key,
      ...(contentType === undefined ? {} : { ResponseContentType: contentType }),
      ...(fileName === undefined ? {} : { ResponseContentDisposition: attachment(fileName) }),
    });
    return { url: await getSignedUrl(client, command, { expiresIn }), expiresIn };
  }

  /** Aborts uploads in parts that were begun before an instant and not completed. */
  async sweepInterrupted(before: Date, options: SweepInterruptedOptions = {}): Promise<number> {
    return abortUploads(this.#target, before, options);
  }

  get #target(): S3Bucket {
    return { connection: this.#connection, store: this.name, bucket: this.bucket };
  }

  #run<T>(key: string | undefined, { signal }: CallOptions, attempt: (abortSignal: AbortSignal) => Promise<T>) {
    const request = { store: this.name, key };
    return this.#connection.run(request, () => attempt(this.#connection.deadline(signal)), signal);
  }

  /** The service refuses a body that is not the one of the digest. */
  async #putWhole(key: string, bytes: Uint8Array, { signal, ifAbsent, ...options }: PutOptions): Promise<Digest> {
    const digest: Digest = { sha256: options.digest?.sha256 ?? sha256(bytes), length: bytes.length };
    const ms = allowance(this.#connection.timeoutMs, bytes.length);
    const attempt = async () => {
      const { sdk, client } = await this.#connection.load();
      const command = new sdk.PutObjectCommand({
        Bucket: this.bucket,
        Key: key,
        Body: bytes,
        ContentLength: bytes.length,
        ChecksumSHA256: Buffer.from(digest.sha256, 'hex').toString('base64'),
        ...(ifAbsent === true ? IF_ABSENT : {}),
        ...objectSettings(this.#connection.options, options),
      });
      command.middlewareStack.add(
        (next) => (args) => {
          signWith(args.request, digest);
          return next(args);
        },
        { step: 'build' },
      );
      await client.send(command, { abortSignal: this.#connection.deadline(signal, ms) });
    };
    await this.#connection.run({ store: this.name, key }, attempt, signal);
    return digest;
  }

  /** Undefined where the range lies beyond the object's end. */
  async #getObject(key: string, { range, signal }: GetOptions): Promise<GetObjectCommandOutput | undefined> {
    if (range?.end !== undefined && range.end <= range.start) return undefined;
    const { sdk, client } = await this.#connection.load();
    const bounds =
      range === undefined ? {} : { Range: `bytes=${range.start}-${range.end === undefined ? '' : range.end - 1}` };
    const command = new sdk.GetObjectCommand({ Bucket: this.bucket, Key: key, ...bounds });
    const send = (abortSignal: AbortSignal) => client.send(command, { abortSignal });
    return this.#connection.untilAnswered(signal, send).catch(unlessBeyondEnd);
  }

  async #collect(answer: GetObjectCommandOutput, { signal }: GetOptions): Promise<Uint8Array> {
    const { ContentLength } = answer;
    const body = bodyOf(answer);
    const { timeoutMs } = this.#connection;
    const limit = this.#connection.deadline(signal, allowance(timeoutMs, ContentLength ?? 0));
    const stop = () => body.destroy(limit.reason as Error);
    limit.addEventListener('abort', stop, { once: true });
    try {
      const pieces: Buffer[] = [];
      for await (const piece of watched(body, timeoutMs)) pieces.push(piece);
      return Buffer.concat(pieces);
    } finally {
      limit.removeEventListener('abort', stop);
    }
  }

  async *#translatedBody(key: string, body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* body;
    } catch (error) {
      throw translated({ store: this.name, key }, error as Error);
    }
  }
}

/** The body, whose connection may rest while its reader is busy: `watched` looks after it from here on. */
function bodyOf({ Body }: GetObjectCommandOutput): Readable {
  const body = Body as IncomingMessage;
  body.setTimeout(0);
  return body;
}

/** Has a request signed with what is known of its body, which would be hashed once more for it. */
function signWith(request: unknown, { sha256 }: Digest): void {
  (request as { readonly headers: Record<string, string> }).headers['x-amz-content-sha256'] = sha256;
}

function expectedOf({ expected, range }: GetOptions): Digest | undefined {
  return range === undefined ? expected : undefined;
}

function unlessBeyondEnd(error: unknown): undefined {
  if (statusOf(error) !== 416) throw error;
}

/** https://www.rfc-editor.org/rfc/rfc6266 */
function attachment(fileName: string): string {
  return `attachment; filename*=UTF-8''${encodeURIComponent(fileName).replace(/['()*]/g, escapeCharacter)}`;
}

function escapeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
