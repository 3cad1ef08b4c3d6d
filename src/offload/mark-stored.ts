import type { mongo } from 'mongoose';
import { isTooLargeForServer } from '../system/document-limit.ts';
import { MAJORITY } from '../system/majority.ts';
import type { RawDocument, SystemFields } from '../types.ts';
import { flipState } from './flip-state.ts';
import type { Referring } from './references.ts';
import { type Row, stillThere, versionOf } from './row.ts';
import type { Offloading } from './upload-row.ts';

type Collection = mongo.Collection<RawDocument>;

/** A version whose payload has been stored, and what it refers to by that. */
export interface StoredVersion {
  readonly row: Row;
  readonly refers: Referring;
}

/** Tells a row where its version is stored. @returns whether the row still holds that version, and was not told yet */
export type Mark = (stored: StoredVersion) => Promise<boolean>;

/** A version has no room in MongoDB for what it refers to once it is stored. It is stored nevertheless. */
export class NoRoom extends Error {
  override readonly name = 'NoRoom';
  readonly refers: Referring;

  constructor(refers: Referring) {
    super('The document is too large for what it refers to');
    this.refers = refers;
  }
}

/**
 * Marks one version. A head may have been superseded while its payload was on its way: then it is a record that is to be
 * marked.
 *
 * @throws NoRoom
 */
export async function markStored({ head, versions }: Offloading, stored: StoredVersion): Promise<boolean> {
  return (stored.row.isHead && (await markIn(head, stored))) || markIn(versions, asRecord(stored));
}

async function markIn(collection: Collection, stored: StoredVersion): Promise<boolean> {
  const { matchedCount } = await flipState((options) =>
    collection
      .updateOne(stillThere(stored.row), referringTo(stored), { ...options, ...MAJORITY })
      .catch((error: unknown) => {
        throw isTooLargeForServer(error) ? new NoRoom(stored.refers) : error;
      }),
  );
  return matchedCount > 0;
}

function asRecord({ row, refers }: StoredVersion): StoredVersion {
  return { row: { ...row, isHead: false }, refers };
}

function referringTo({ refers: { payload, blobs = [] } }: StoredVersion): mongo.UpdateFilter<RawDocument> {
  const isStored = { '_system.state': 'new', '_system.payload': payload };
  return blobs.length > 0
    ? { $set: { ...isStored, '_system.blobs': blobs } }
    : { $set: isStored, $unset: { '_system.blobs': 1 } };
}

/** A version whose caller waits for it to be marked. */
interface Waiting {
  readonly stored: StoredVersion;
  readonly resolve: (isMarked: boolean | Promise<boolean>) => void;
  readonly reject: (error: unknown) => void;
}

/** What holds more than that in memory does not wait for others. */
const WAITING_BYTES = 256 * 1024;

/**
 * Marks versions together: those that come while others are being marked, by one command, which costs the server hardly
 * more than one version does. While `isPatient` they also wait for each other, until `flush()`.
 *
 * Of the versions of one document only one may be under way.
 */
export class StoredMarks {
  readonly #target: Offloading;
  readonly #isPatient: () => boolean;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #isDue = false;
  #isRunning = false;

  constructor(target: Offloading, isPatient: () => boolean) {
    this.#target = target;
    this.#isPatient = isPatient;
  }

  readonly mark: Mark = (stored) =>
    new Promise((resolve, reject) => {
      this.#waiting.push({ stored, resolve, reject });
      this.#waitingBytes += stored.row.bytes.length;
      if (!this.#isPatient() || this.#waitingBytes > WAITING_BYTES) this.flush();
    });

  /** Those that wait now wait for no others. */
  flush(): void {
    this.#isDue = true;
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (; this.#isDue && this.#waiting.length > 0; this.#isDue ||= !this.#isPatient()) await this.#markWave();
    this.#isDue = false;
    this.#isRunning = false;
  }

  async #markWave(): Promise<void> {
    const wave = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#isDue = false;
    try {
      const together = wave.length > 1 ? wave.map(({ stored }) => stored) : [];
      const marked = await markTogether(this.#target, together);
      // Who was not among them goes alone, to its own result or error.
      const settled = wave.map(({ stored }) => marked.has(stored) || markStored(this.#target, stored));
      wave.forEach(({ resolve }, index) => void resolve(settled[index] as boolean | Promise<boolean>));
    } catch (error) {
      for (const { reject } of wave) reject(error);
    }
  }
}

/** Marks versions by one command in each collection. @returns those that are marked */
async function markTogether(
  { head, versions }: Offloading,
  stored: readonly StoredVersion[],
): Promise<ReadonlySet<StoredVersion>> {
  const heads = stored.filter(({ row }) => row.isHead);
  const marked = await markAllIn(head, heads);
  const others = stored.filter((one) => !marked.has(one));
  const records = new Map(others.map((one) => [asRecord(one), one]));
  const markedRecords = await markAllIn(versions, [...records.keys()]);
  return new Set([...marked, ...[...markedRecords].map((record) => records.get(record) as StoredVersion)]);
}

async function markAllIn(
  collection: Collection,
  stored: readonly StoredVersion[],
): Promise<ReadonlySet<StoredVersion>> {
  if (stored.length === 0) return new Set();
  const updates = stored.map((one) => ({
    updateOne: { filter: stillThere(one.row), update: referringTo(one) },
  }));
  const { matchedCount } = await collection
    .bulkWrite(updates, { ordered: false, ...MAJORITY })
    .catch(() => NONE_MATCHED);
  return new Set(matchedCount === stored.length ? stored : await whichAreMarked(collection, stored));
}

/** A command that was refused for one of them may have marked others. */
const NONE_MATCHED = { matchedCount: 0 } as const;

async function whichAreMarked(
  collection: Collection,
  stored: readonly StoredVersion[],
): Promise<readonly StoredVersion[]> {
  const filter = { $or: stored.map(isMarked) } as mongo.Filter<RawDocument>;
  const projection = { _id: 0, '_system.ov': 1, '_system.payload.key': 1 } as const;
  // What is seen here is never undone.
  const options = { projection, readPreference: 'primary', readConcern: { level: 'majority' } } as const;
  const found = await collection.find(filter, options).toArray();
  const keys = new Set(found.map(({ _system }) => keyOfMark(_system as SystemFields)));
  return stored.filter(({ row, refers }) => keys.has(keyOfMark({ ...refers, ov: row.system.ov })));
}

/** Matches a row that has been told where its version is stored, by whomever. */
function isMarked({ row, refers }: StoredVersion): mongo.Filter<RawDocument> {
  return {
    ...versionOf(row),
    '_system.state': { $ne: 'new-not-synched' },
    '_system.payload.key': refers.payload?.key,
  } as mongo.Filter<RawDocument>;
}

/** An object belongs to one document alone. */
function keyOfMark({ ov, payload }: Pick<SystemFields, 'ov' | 'payload'>): string {
  return `${ov} ${payload?.key}`;
}
