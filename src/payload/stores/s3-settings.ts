import type { PutObjectCommandInput } from '@aws-sdk/client-s3';
import type { PutOptions } from '../payload-store.ts';
import type { S3Options } from './s3-options.ts';

type Settings = Pick<
  PutObjectCommandInput,
  'ContentType' | 'ContentEncoding' | 'ServerSideEncryption' | 'SSEKMSKeyId' | 'Tagging'
>;

/** Only where there is no such object. */
export const IF_ABSENT = { IfNoneMatch: '*' } as const;

/** What an object is stored with besides its bytes, whole or in parts. */
export function objectSettings({ encryption, tags }: S3Options, options: PutOptions): Settings {
  const { contentType = 'application/octet-stream', contentEncoding } = options;
  const keyId = encryption?.algorithm === 'aws:kms' ? encryption.keyId : undefined;
  return {
    ContentType: contentType,
    ...(contentEncoding === undefined ? {} : { ContentEncoding: contentEncoding }),
    ...(encryption === undefined ? {} : { ServerSideEncryption: encryption.algorithm }),
    ...(keyId === undefined ? {} : { SSEKMSKeyId: keyId }),
    ...(tags === undefined ? {} : { Tagging: new URLSearchParams(tags).toString() }),
  };
}
