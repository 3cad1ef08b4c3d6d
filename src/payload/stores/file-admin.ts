import { constants } from 'node:fs';
import { access, mkdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { requireConfirmed } from '../../confirmed.ts';
import type { EnsureBucketsOptions, EnsuredBuckets, S3Connectivity, SpacesValidation } from './s3-admin.ts';
import type { StorageAdmin } from './storage-admin.ts';

const ROLES = ['json', 'content', 'versions', 'backup'] as const;

/** The directories that stand in for buckets. */
export class FileAdmin implements StorageAdmin {
  readonly #basePath: string;

  constructor(basePath: string) {
    this.#basePath = resolve(basePath);
  }

  /** Whether the directory can be written to. */
  async testS3Connectivity(): Promise<S3Connectivity> {
    const error = await this.#problem();
    if (error !== undefined) return { success: false, buckets: [], error };
    const found = await Promise.all(ROLES.map((role) => this.#exists(role)));
    return { success: true, buckets: ROLES.filter((_, index) => found[index]) };
  }

  async validateSpacesConfiguration(): Promise<SpacesValidation> {
    const problem = await this.#problem();
    const recommendations = ['A directory is for one machine, and for development. Configure spacesConns for more'];
    return { valid: problem === undefined, issues: problem === undefined ? [] : [problem], recommendations };
  }

  /** @throws ConfigError where directories are to be made and `confirm` is not true */
  async ensureBucketsExist(options: EnsureBucketsOptions = {}): Promise<EnsuredBuckets> {
    const creates = options.createIfMissing === true && options.dryRun !== true;
    if (creates) requireConfirmed('create buckets', options);
    const ensured = ROLES.map(async (role) => {
      const exists = await this.#exists(role);
      if (!exists && creates) await mkdir(join(this.#basePath, role), { recursive: true });
      return { bucket: role, roles: [role], exists: exists || creates, created: !exists && creates };
    });
    const bucketStatuses = await Promise.all(ensured);
    const bucketsCreated = bucketStatuses.filter(({ created }) => created).length;
    return { bucketsChecked: ROLES.length, bucketsCreated, bucketStatuses };
  }

  async close(): Promise<void> {}

  async #exists(role: string): Promise<boolean> {
    return (await stat(join(this.#basePath, role)).catch(() => undefined))?.isDirectory() === true;
  }

  /** The directory is made when it is first written to: what counts is the one in which it would be. */
  async #problem(directory = this.#basePath): Promise<string | undefined> {
    try {
      await access(directory, constants.W_OK);
      return (await stat(directory)).isDirectory() ? undefined : 'The basePath of localStorage is no directory';
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT' && dirname(directory) !== directory;
      return isMissing ? this.#problem(dirname(directory)) : 'The basePath of localStorage cannot be written to';
    }
  }
}
