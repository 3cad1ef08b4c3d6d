import { randomBytes } from 'node:crypto';
import type { ExportReport } from '../admin/export-history.ts';
import type { ImportReport } from '../admin/import-history.ts';
import type { ChronosModelType } from '../api/model-type.ts';
import { ConfigError } from '../errors.ts';
import { keySegment } from '../payload/key-segment.ts';
import { listAll, type PayloadStore } from '../payload/payload-store.ts';
import type { Place } from '../tenancy/place.ts';

/** A backup that was made: its name among those of the collection, and what is in it. */
export interface BackupReport extends ExportReport {
  readonly key: string;
}

export interface BackupFacts {
  readonly key: string;
  /** In bytes. */
  readonly length: number;
}

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/;

/**
 * The backups of one collection at one place, as objects
 *
 *     __backups__/<key of the database>/<collection>/[<tenant>/]<name>
 *
 * Names lead nowhere else: no tenant reads or writes what is another's.
 */
export class Backups {
  readonly #store: PayloadStore;
  readonly #prefix: string;

  constructor(store: PayloadStore, { database, tenantId }: Place, collection: string) {
    const owner = tenantId === undefined ? [] : [tenantId];
    this.#store = store;
    this.#prefix = `__backups__/${[database.key, collection, ...owner].map(keySegment).join('/')}/`;
  }

  /** Writes a collection with its whole history. */
  async make(model: ChronosModelType<unknown>, key = freshName()): Promise<BackupReport> {
    const report = await model.exportHistory({ store: this.#store, key: this.#keyOf(key) });
    return { key, ...report };
  }

  /** Puts a backup into an empty collection, or back into the same one. */
  async restore(model: ChronosModelType<unknown>, key: string): Promise<ImportReport> {
    return model.importHistory({ store: this.#store, key: this.#keyOf(key) });
  }

  /** The oldest name first. */
  async list(): Promise<BackupFacts[]> {
    const found: BackupFacts[] = [];
    for await (const { key, length } of listAll(this.#store, this.#prefix)) {
      found.push({ key: key.slice(this.#prefix.length), length });
    }
    return found;
  }

  #keyOf(name: unknown): string {
    if (typeof name === 'string' && NAME.test(name)) return `${this.#prefix}${name}`;
    throw new ConfigError({
      message: 'Cannot use this key of a backup: expected a name of letters, digits, dots, hyphens and underscores',
    });
  }
}

/** Names in their order are backups in their order. */
function freshName(): string {
  const now = new Date().toISOString().replace(/[:.]/g, '-');
  return `${now}-${randomBytes(3).toString('hex')}.ndjson.gz`;
}
