import { requireConfirmed } from '../../confirmed.ts';
import { StorageError } from '../../errors.ts';
import type { CallOptions } from '../payload-store.ts';
import type { BucketNames, S3BucketsOptions } from './s3-buckets.ts';
import { S3Connection } from './s3-connection.ts';
import { statusOf } from './s3-errors.ts';
import { spacesIssues } from './spaces-issues.ts';

/** What `testS3Connectivity` tells. */
export interface S3Connectivity {
  readonly success: boolean;
  /** The buckets that the keys can see; where they may not list buckets, those of the configuration that they reach. */
  readonly buckets: readonly string[];
  /** What is wrong, where something is. */
  readonly error?: string;
}

/** What `validateSpacesConfiguration` tells. */
export interface SpacesValidation {
  /** Whether there are no issues. */
  readonly valid: boolean;
  /** What keeps it from working. */
  readonly issues: readonly string[];
  /** What to do about it, and what could be better. */
  readonly recommendations: readonly string[];
}

export interface EnsureBucketsOptions extends CallOptions {
  /** Must be true where buckets are to be created. @default false */
  readonly confirm?: boolean | undefined;
  /** Creates the buckets that are missing. @default false */
  readonly createIfMissing?: boolean | undefined;
  /** Looks, and creates nothing. @default false */
  readonly dryRun?: boolean | undefined;
}

export interface BucketStatus {
  readonly bucket: string;
  /** What it is for: several where one bucket has several uses. */
  readonly roles: readonly (keyof BucketNames)[];
  readonly exists: boolean;
  readonly created: boolean;
}

/** What `ensureBucketsExist` tells. */
export interface EnsuredBuckets {
  readonly bucketsChecked: number;
  readonly bucketsCreated: number;
  readonly bucketStatuses: readonly BucketStatus[];
}

/**
 * Looks after the buckets of a service.
 *
 * @example
 * const admin = new S3Admin({ endpoint, region, accessKey, secretKey, buckets });
 * const { success, buckets, error } = await admin.testS3Connectivity();
 * await admin.ensureBucketsExist({ createIfMissing: true, confirm: true });
 */
export class S3Admin {
  readonly #options: S3BucketsOptions;
  readonly #connection: S3Connection;

  /** @throws ConfigError for an option out of its range */
  constructor(options: S3BucketsOptions) {
    this.#options = options;
    this.#connection = new S3Connection(options);
  }

  /** Whether the service answers and takes the keys. Tells what is wrong instead of throwing it. */
  async testS3Connectivity(options: CallOptions = {}): Promise<S3Connectivity> {
    try {
      return { success: true, buckets: await this.#visibleBuckets(options) };
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof StorageError)) throw error;
      return { success: false, buckets: [], error: error.message };
    }
  }

  /**
   * Whether the configuration works: judged by what is written there, and by asking for each bucket. A service that is
   * not DigitalOcean Spaces is held to what holds everywhere.
   */
  async validateSpacesConfiguration(options: CallOptions = {}): Promise<SpacesValidation> {
    const { issues, recommendations } = spacesIssues(this.#options);
    for (const [bucket] of this.#roles()) {
      try {
        if (await this.#exists(bucket, options)) continue;
        issues.push(`There is no bucket ${bucket}`);
        recommendations.push(`Create ${bucket}, or let ensureBucketsExist do it with createIfMissing and confirm`);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!(error instanceof StorageError)) throw error;
        issues.push(error.message);
      }
    }
    return { valid: issues.length === 0, issues, recommendations };
  }

  /**
   * Checks the four buckets, and creates those that are missing if asked to.
   *
   * @throws ConfigError where buckets are to be created and `confirm` is not true; nothing was created
   */
  async ensureBucketsExist(options: EnsureBucketsOptions = {}): Promise<EnsuredBuckets> {
    const { createIfMissing = false, dryRun = false } = options;
    const creates = createIfMissing && !dryRun;
    if (creates) requireConfirmed('create buckets', options);
    const bucketStatuses: BucketStatus[] = [];
    for (const [bucket, roles] of this.#roles()) {
      const exists = await this.#exists(bucket, options);
      const created = !exists && creates;
      if (created) await this.#create(bucket, options);
      bucketStatuses.push({ bucket, roles, exists: exists || created, created });
    }
    const bucketsCreated = bucketStatuses.filter(({ created }) => created).length;
    return { bucketsChecked: bucketStatuses.length, bucketsCreated, bucketStatuses };
  }

  /** Closes its connections. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  #roles(): ReadonlyMap<string, readonly (keyof BucketNames)[]> {
    const { json, content, versions, backup } = this.#options.buckets;
    const roles = new Map<string, (keyof BucketNames)[]>();
    for (const [role, bucket] of Object.entries({ json, content, versions, backup }) as [keyof BucketNames, string][]) {
      roles.set(bucket, [...(roles.get(bucket) ?? []), role]);
    }
    return roles;
  }

  /** Listing needs a right on the whole account, which keys for a few buckets should not have. */
  async #visibleBuckets(options: CallOptions): Promise<readonly string[]> {
    try {
      return await this.#listBuckets(options);
    } catch (error) {
      if (!(error instanceof StorageError && error.status === 403)) throw error;
      const reached: string[] = [];
      for (const [bucket] of this.#roles()) if (await this.#exists(bucket, options)) reached.push(bucket);
      return reached;
    }
  }

  #listBuckets({ signal }: CallOptions): Promise<string[]> {
    return this.#connection.run(
      { store: 's3 service' },
      async ({ sdk, client }) => {
        const abortSignal = this.#connection.deadline(signal);
        const { Buckets = [] } = await client.send(new sdk.ListBucketsCommand({}), { abortSignal });
        return Buckets.flatMap(({ Name }) => (Name === undefined ? [] : [Name]));
      },
      signal,
    );
  }

  #exists(bucket: string, { signal }: CallOptions): Promise<boolean> {
    return this.#connection.run(
      { store: `s3 bucket ${bucket}` },
      async ({ sdk, client }) => {
        const abortSignal = this.#connection.deadline(signal);
        const head = client.send(new sdk.HeadBucketCommand({ Bucket: bucket }), { abortSignal });
        return head.then(
          () => true,
          (error: unknown) => {
            if (statusOf(error) !== 404) throw error;
            return false;
          },
        );
      },
      signal,
    );
  }

  async #create(bucket: string, { signal }: CallOptions): Promise<void> {
    await this.#connection.run(
      { store: `s3 bucket ${bucket}` },
      async ({ sdk, client }) => {
        const command = new sdk.CreateBucketCommand({ Bucket: bucket, ...this.#location() });
        await client.send(command, { abortSignal: this.#connection.deadline(signal) }).catch((error: unknown) => {
          // An earlier attempt, or someone else with these keys, has made it meanwhile.
          if ((error as Error).name !== 'BucketAlreadyOwnedByYou') throw error;
        });
      },
      signal,
    );
  }

  /** AWS wants to be told the region of a bucket, but for its first one; others refuse to be. */
  #location(): { CreateBucketConfiguration?: { LocationConstraint: never } } {
    const { endpoint, region } = this.#options;
    const isAws = endpoint === undefined || new URL(endpoint).hostname.endsWith('.amazonaws.com');
    if (!isAws || region === 'us-east-1') return {};
    return { CreateBucketConfiguration: { LocationConstraint: region as never } };
  }
}
