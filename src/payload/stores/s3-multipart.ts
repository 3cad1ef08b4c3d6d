import { createHash } from 'node:crypto';
import type { CompletedPart, MultipartUpload } from '@aws-sdk/client-s3';
import { PayloadMissingError } from '../../errors.ts';
import { type Digest, RunningDigest } from '../digest.ts';
import type { PutOptions, SweepInterruptedOptions } from '../payload-store.ts';
import type { S3Connection } from './s3-connection.ts';
import { type S3Request, unlessNotFound } from './s3-errors.ts';
import { IF_ABSENT, objectSettings } from './s3-settings.ts';
import { allowance } from './timed-body.ts';

/** A bucket, and the way to it. */
export interface S3Bucket {
  readonly connection: S3Connection;
  readonly store: string;
  readonly bucket: string;
}

/** Where an object goes, and with what. */
export interface UploadTarget extends S3Bucket {
  readonly key: string;
  readonly options: PutOptions;
}

/**
 * Stores an object in parts. They are sent one after the other, so that a body of any length needs the memory of two.
 * Until the last step there is no object; if a step fails, the parts are given up.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */
export async function putInParts(
  target: UploadTarget,
  first: readonly Uint8Array[],
  rest: AsyncIterable<Uint8Array>,
): Promise<Digest> {
  const digest = new RunningDigest();
  const uploadId = await begin(target);
  try {
    const parts: CompletedPart[] = [];
    for await (const part of inOrder(first, rest)) {
      target.options.signal?.throwIfAborted();
      digest.add(part);
      parts.push(await send(target, uploadId, parts.length + 1, part));
    }
    const whole = digest.end();
    await complete(target, uploadId, parts, whole.length);
    return whole;
  } catch (error) {
    // What cannot be given up now is swept later; the first error is the one to tell.
    await abort(target, target.key, uploadId).catch(() => {});
    throw error;
  }
}

async function* inOrder(first: readonly Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  yield* rest;
}

async function begin({ connection, store, bucket, key, options }: UploadTarget): Promise<string> {
  const { signal, ...settings } = options;
  return connection.run(
    { store, key },
    async ({ sdk, client }) => {
      const stored = objectSettings(connection.options, settings);
      const command = new sdk.CreateMultipartUploadCommand({ Bucket: bucket, Key: key, ...stored });
      const { UploadId } = await client.send(command, { abortSignal: connection.deadline(signal) });
      return UploadId as string;
    },
    signal,
  );
}

async function send(target: UploadTarget, uploadId: string, number: number, part: Uint8Array): Promise<CompletedPart> {
  const { connection, bucket, key, options } = target;
  const ms = allowance(connection.timeoutMs, part.length);
  const md5 = createHash('md5').update(part).digest('base64');
  return connection.run(
    target,
    async ({ sdk, client }) => {
      const position = { Bucket: bucket, Key: key, UploadId: uploadId, PartNumber: number };
      const command = new sdk.UploadPartCommand({ ...position, Body: part, ContentMD5: md5 });
      const { ETag } = await client.send(command, { abortSignal: connection.deadline(options.signal, ms) });
      return { PartNumber: number, ...(ETag === undefined ? {} : { ETag }) };
    },
    options.signal,
  );
}

async function complete(target: UploadTarget, uploadId: string, parts: CompletedPart[], length: number): Promise<void> {
  const { connection, bucket, key, options } = target;
  // A service may take long to put many parts together.
  const ms = allowance(connection.timeoutMs, length);
  const completed = connection.run(
    target,
    ({ sdk, client }) => {
      const upload = { Bucket: bucket, Key: key, UploadId: uploadId, MultipartUpload: { Parts: parts } };
      const command = new sdk.CompleteMultipartUploadCommand({
        ...upload,
        ...(options.ifAbsent === true ? IF_ABSENT : {}),
      });
      return client.send(command, { abortSignal: connection.deadline(options.signal, ms) });
    },
    options.signal,
  );
  try {
    await completed;
  } catch (error) {
    // There is no such upload: the answer to an earlier attempt was lost, and then the object is there.
    if (!(error instanceof PayloadMissingError) || (await storedLength(target)) !== length) throw error;
  }
}

async function storedLength({ connection, store, bucket, key, options }: UploadTarget): Promise<number | undefined> {
  return connection.run(
    { store, key },
    async ({ sdk, client }) => {
      const command = new sdk.HeadObjectCommand({ Bucket: bucket, Key: key });
      const { ContentLength } = await client.send(command, { abortSignal: connection.deadline(options.signal) });
      return ContentLength;
    },
    options.signal,
  );
}

async function abort({ connection, store, bucket }: S3Bucket, key: string, uploadId: string): Promise<void> {
  const request: S3Request = { store, key };
  await connection.run(
    request,
    async ({ sdk, client }) => {
      const command = new sdk.AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId });
      await client.send(command, { abortSignal: connection.deadline(undefined) }).catch(unlessNotFound);
    },
    undefined,
  );
}

/** Gives up the uploads that were begun before an instant, and tells how many there were. */
export async function abortUploads(
  bucket: S3Bucket,
  before: Date,
  { prefix = '', signal }: SweepInterruptedOptions,
): Promise<number> {
  let aborted = 0;
  for await (const { Key = '', UploadId = '', Initiated } of uploadsIn(bucket, prefix, signal)) {
    if (Initiated === undefined || Initiated >= before) continue;
    signal?.throwIfAborted();
    await abort(bucket, Key, UploadId);
    aborted++;
  }
  return aborted;
}

async function* uploadsIn(
  bucket: S3Bucket,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<MultipartUpload> {
  let after: UploadMarker = {};
  for (let more = true; more; ) {
    const {
      Uploads = [],
      IsTruncated,
      NextKeyMarker,
      NextUploadIdMarker,
    } = await uploadPage(bucket, { Prefix: prefix, ...after }, signal);
    yield* Uploads;
    // Without a marker that moves on, the same page would come for ever.
    more = IsTruncated === true && NextKeyMarker !== undefined && NextUploadIdMarker !== after.UploadIdMarker;
    after = { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker };
  }
}

interface UploadMarker {
  readonly KeyMarker?: string | undefined;
  readonly UploadIdMarker?: string | undefined;
}

function uploadPage(
  { connection, store, bucket }: S3Bucket,
  page: UploadMarker & { readonly Prefix: string },
  signal: AbortSignal | undefined,
) {
  return connection.run(
    { store },
    ({ sdk, client }) => {
      const command = new sdk.ListMultipartUploadsCommand({ Bucket: bucket, ...page });
      return client.send(command, { abortSignal: connection.deadline(signal) });
    },
    signal,
  );
}
