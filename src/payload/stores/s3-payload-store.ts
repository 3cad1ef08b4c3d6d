import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { StorageError } from '../../errors.ts';
import { partsOf } from '../byte-stream.ts';
import { checkedBytes, checkedStream } from '../check-digest.ts';
import { type Digest, digestOf } from '../digest.ts';
import { assertKeyPrefix, assertObjectKey, compareKeys } from '../object-key.ts';
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
import { isNotFound, statusOf, translated } from './s3-errors.ts';
import { abortUploads, putInParts } from './s3-multipart.ts';
import type { S3Options } from './s3-options.ts';
import { IF_ABSENT, objectSettings } from './s3-settings.ts';
import { allowance, watched } from './timed-body.ts';

const DELETE_ATTEMPTS = 10;

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
    const target = { connection: this.#connection, store: this.name, bucket: this.bucket, key, options };
    return putInParts(target, [first, second], parts);
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
    if (options.allVersions === true) return this.#deleteVersions(key, options);
    await this.#deleteOne(key, undefined, options);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ObjectPage> {
    assertKeyPrefix(prefix);
    if (options.allVersions === true) return this.#listVersions(prefix, options);
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
    return abortUploads({ connection: this.#connection, store: this.name, bucket: this.bucket }, before, options);
  }

  #run<T>(key: string | undefined, { signal }: CallOptions, attempt: (abortSignal: AbortSignal) => Promise<T>) {
    const request = { store: this.name, key };
    return this.#connection.run(request, () => attempt(this.#connection.deadline(signal)), signal);
  }

  async #putWhole(key: string, bytes: Uint8Array, { signal, ifAbsent, ...options }: PutOptions): Promise<Digest> {
    const digest = digestOf(bytes);
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

  async #deleteOne(key: string, versionId: string | undefined, options: CallOptions): Promise<void> {
    await this.#run(key, options, async (abortSignal) => {
      const { sdk, client } = await this.#connection.load();
      const version = versionId === undefined ? {} : { VersionId: versionId };
      const command = new sdk.DeleteObjectCommand({ Bucket: this.bucket, Key: key, ...version });
      await client.send(command, { abortSignal }).catch(unlessNotFound);
    });
  }

  async #deleteVersions(key: string, options: CallOptions): Promise<void> {
    const deleted = new Set<string>();
    let again = 0;
    for (let versions = await this.#versionsOf(key, options); versions.length > 0; ) {
      // In a bucket without versions somebody may have put the object once more.
      if (versions.every((version) => deleted.has(version)) && ++again === DELETE_ATTEMPTS)
        throw this.#undeletable(key);
      for (const version of versions) {
        await this.#deleteOne(key, version, options).catch((error: unknown) =>
          this.#unlessRetained(key, version, error),
        );
        deleted.add(version);
      }
      versions = await this.#versionsOf(key, options);
    }
  }

  #undeletable(key: string): StorageError {
    const message = `Cannot delete all versions of ${key} in the ${this.name}: those that were deleted are still there`;
    return new StorageError({ message, store: this.name, key, retryable: true });
  }

  /** The versions of an object and the markers of its deletions; `null` is that of a bucket without versions. */
  async #versionsOf(key: string, options: CallOptions): Promise<string[]> {
    const { entries } = await this.#versionPage(key, {}, options);
    return entries.filter((version) => version.Key === key).map(({ VersionId }) => VersionId ?? 'null');
  }

  /** Each key once, with what is known of its newest version. */
  async #listVersions(prefix: string, { after, limit = 1000, ...options }: ListOptions): Promise<ObjectPage> {
    const objects = new Map<string, ObjectFacts>();
    let next: VersionMarker | undefined = after === undefined ? {} : { KeyMarker: after };
    while (next !== undefined && objects.size < limit) {
      const page = await this.#versionPage(prefix, next, options);
      for (const { Key: key = '', Size: length = 0, LastModified: modified = new Date(0) } of page.entries) {
        // Some services begin with the marker itself.
        if (after !== undefined && compareKeys(key, after) <= 0) continue;
        const known = objects.get(key);
        if (known === undefined || known.modified < modified) objects.set(key, { key, length, modified });
      }
      next = page.next;
    }
    const inOrder = [...objects.values()].sort((a, b) => compareKeys(a.key, b.key)).slice(0, limit);
    const isLast = next === undefined && inOrder.length === objects.size;
    return { objects: inOrder, next: isLast ? undefined : inOrder.at(-1)?.key };
  }

  /** Versions and markers; those of a key may go on beyond the page. */
  #versionPage(prefix: string, from: VersionMarker, options: CallOptions) {
    return this.#run(undefined, options, async (abortSignal) => {
      const { sdk, client } = await this.#connection.load();
      const command = new sdk.ListObjectVersionsCommand({ Bucket: this.bucket, Prefix: prefix, ...from });
      const answer = await client.send(command, { abortSignal });
      const { Versions = [], DeleteMarkers = [], NextKeyMarker, NextVersionIdMarker } = answer;
      const entries: readonly VersionEntry[] = [...Versions, ...DeleteMarkers];
      // Without a marker that moves on the same page would come for ever.
      const isStuck = NextKeyMarker === from.KeyMarker && NextVersionIdMarker === from.VersionIdMarker;
      const isLast = answer.IsTruncated !== true || !NextKeyMarker || isStuck;
      const version = NextVersionIdMarker ? { VersionIdMarker: NextVersionIdMarker } : {};
      return { entries, next: isLast ? undefined : { KeyMarker: NextKeyMarker, ...version } };
    });
  }

  /** A refusal to delete a version does not say why: its retention does. */
  async #unlessRetained(key: string, version: string, error: unknown): Promise<void> {
    if (!(error instanceof StorageError) || error.retryable) throw error;
    const { sdk, client } = await this.#connection.load();
    const position = { Bucket: this.bucket, Key: key, VersionId: version };
    const [retention, hold] = await Promise.all([
      client.send(new sdk.GetObjectRetentionCommand(position)).catch(() => undefined),
      client.send(new sdk.GetObjectLegalHoldCommand(position)).catch(() => undefined),
    ]);
    const until = retention?.Retention?.RetainUntilDate;
    const isHeld = hold?.LegalHold?.Status === 'ON';
    if (until === undefined && !isHeld) throw error;
    throw new StorageError({
      message: `Cannot delete ${key} in the ${this.name}: it is retained ${isHeld ? 'by a legal hold' : `until ${until?.toISOString()}`}`,
      store: this.name,
      key,
      retryable: false,
      retained: true,
      cause: error,
    });
  }
}

interface VersionMarker {
  readonly KeyMarker?: string | undefined;
  readonly VersionIdMarker?: string | undefined;
}

/** A version of an object, or the marker of a deletion. */
interface VersionEntry {
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly Size?: number | undefined;
  readonly LastModified?: Date | undefined;
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

function unlessNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
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
