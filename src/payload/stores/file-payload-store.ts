import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  rmdir,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { PayloadMissingError, StorageError } from '../../errors.ts';
import { rangeOf } from '../byte-stream.ts';
import { checkedBytes, checkedStream } from '../check-digest.ts';
import type { Digest } from '../digest.ts';
import { existsAlready } from '../object-exists.ts';
import { assertKeyPrefix, assertObjectKey } from '../object-key.ts';
import type {
  CallOptions,
  GetOptions,
  ListOptions,
  ObjectFacts,
  ObjectPage,
  PayloadBuckets,
  PayloadStore,
  PresignedUrl,
  PresignOptions,
  PutOptions,
} from '../payload-store.ts';
import { presignTtl } from '../presign-ttl.ts';
import { hasCode, isMissing, unlessMissing } from './file-errors.ts';
import { keysBelow } from './keys-below.ts';
import { syncDirectories, writeSynced } from './synced-file.ts';

/** Holds files that are being written. No key begins with a dot. */
const WORK = '.partial';

/**
 * Keeps each object as a file below a directory, at the path that its key is. A file appears whole or not at all, and
 * is on disk when `put` returns. Nothing outside the directory is read or written: keys that lead out are refused, and
 * symbolic links are not followed.
 *
 * Where the file system does not tell upper from lower case, keys that differ in nothing else are one.
 */
export class FilePayloadStore implements PayloadStore {
  readonly name: string;
  /** The name of the directory. */
  readonly bucket: string;
  readonly #root: string;

  constructor(basePath: string, name = 'directory') {
    this.#root = resolve(basePath);
    this.name = name;
    this.bucket = basename(this.#root);
  }

  /**
   * 1. Writes a file of its own among those being written, and syncs it: a crash leaves that one file, to be swept.
   * 2. Moves it to its place: whoever reads there sees the old object or the new one. A link to it never replaces one.
   * 3. Syncs the directories, so that a crash of the machine does not undo the move.
   */
  async put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, options: PutOptions = {}): Promise<Digest> {
    const { signal, ifAbsent = false } = options;
    assertObjectKey(key);
    return this.#translated(key, async () => {
      const partial = await this.#partialFile();
      try {
        const digest = await writeSynced(partial, body, signal);
        await this.#moveIntoPlace(partial, key, ifAbsent ? link : rename);
        return digest;
      } finally {
        await rm(partial, { force: true });
      }
    });
  }

  async get(key: string, { range, expected, signal }: GetOptions = {}): Promise<Uint8Array> {
    return this.#opened(key, async (file) => {
      try {
        const { start, end } = rangeOf((await file.stat()).size, range ?? { start: 0 });
        const bytes = await readPart(file, start, end, signal);
        return checkedBytes({ store: this.name, key }, bytes, range === undefined ? expected : undefined);
      } finally {
        await file.close();
      }
    });
  }

  async stream(key: string, { range, expected, signal }: GetOptions = {}): Promise<Readable> {
    return this.#opened(key, async (file) => {
      const { start, end } = rangeOf((await file.stat()).size, range ?? { start: 0 });
      const source = end > start ? file.createReadStream({ start, end: end - 1, signal }) : await emptied(file);
      return checkedStream({ store: this.name, key }, source, expected);
    });
  }

  async head(key: string, { signal }: CallOptions = {}): Promise<ObjectFacts | undefined> {
    signal?.throwIfAborted();
    assertObjectKey(key);
    const directory = await this.#directoryOf(key);
    if (directory === undefined) return undefined;
    return this.#translated(key, () => factsOf(key, join(directory, fileNameOf(key))));
  }

  async delete(key: string): Promise<void> {
    assertObjectKey(key);
    const directory = await this.#directoryOf(key);
    if (directory === undefined) return;
    await this.#translated(key, async () => {
      await unlink(join(directory, fileNameOf(key))).catch(unlessMissing);
      await this.#removeEmpty(key);
    });
  }

  async list(prefix: string, { after, limit = 1000, signal }: ListOptions = {}): Promise<ObjectPage> {
    assertKeyPrefix(prefix);
    return this.#translated(prefix, async () => {
      const objects: ObjectFacts[] = [];
      for await (const key of keysBelow(this.#root, '', { prefix, after })) {
        signal?.throwIfAborted();
        if (objects.length === limit) return { objects, next: objects.at(-1)?.key };
        const facts = await factsOf(key, this.#pathOf(key));
        if (facts !== undefined) objects.push(facts);
      }
      return { objects, next: undefined };
    });
  }

  /** A `file:` URL, which does not expire. */
  async presign(key: string, { ttlSeconds }: PresignOptions = {}): Promise<PresignedUrl> {
    assertObjectKey(key);
    return { url: pathToFileURL(this.#pathOf(key)).href, expiresIn: presignTtl(ttlSeconds) };
  }

  async sweepInterrupted(before: Date): Promise<number> {
    const work = join(this.#root, WORK);
    let swept = 0;
    for (const name of await readdir(work).catch(noNames)) {
      const path = join(work, name);
      // Whoever writes it may have finished meanwhile.
      const facts = await lstat(path).catch(unlessMissing);
      if (facts === undefined || facts.mtime >= before) continue;
      await rm(path, { force: true });
      swept++;
    }
    return swept;
  }

  #pathOf(key: string): string {
    return join(this.#root, ...key.split('/'));
  }

  /** The directory an object is in; undefined where there is none. */
  async #directoryOf(key: string): Promise<string | undefined> {
    const expected = dirname(this.#pathOf(key));
    return this.#translated(key, async () => {
      const found = await realpath(expected).catch(unlessMissing);
      if (found !== undefined) await this.#assertInside(key, expected, found);
      return found;
    });
  }

  /** A directory that is reached through a link below the root is none of ours. */
  async #assertInside(key: string, expected: string, found: string): Promise<void> {
    const root = await realpath(this.#root);
    if (found === join(root, relative(this.#root, expected))) return;
    throw new StorageError({
      message: `Cannot use ${key} in the ${this.name}: a symbolic link leads out of it. Remove the link`,
      store: this.name,
      key,
      retryable: false,
    });
  }

  async #opened<T>(key: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
    assertObjectKey(key);
    const directory = await this.#directoryOf(key);
    if (directory === undefined) throw new PayloadMissingError(this.name, key);
    return this.#translated(key, async () => {
      const path = join(directory, fileNameOf(key));
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(unlessMissing);
      if (file === undefined) throw new PayloadMissingError(this.name, key);
      return use(file);
    });
  }

  async #partialFile(): Promise<string> {
    const work = join(this.#root, WORK);
    await mkdir(work, { recursive: true });
    await this.#assertInside(WORK, work, await realpath(work));
    return join(work, randomUUID());
  }

  async #moveIntoPlace(partial: string, key: string, move: typeof rename | typeof link): Promise<void> {
    const path = this.#pathOf(key);
    for (let attempt = 1; ; attempt++) {
      const firstMade = await mkdir(dirname(path), { recursive: true });
      await this.#directoryOf(key);
      try {
        await move(partial, path);
        return syncDirectories(dirname(path), firstMade);
      } catch (error) {
        if (hasCode(error, 'EEXIST')) throw existsAlready(this.name, key);
        // A delete may have removed the empty directory meanwhile.
        if (!isMissing(error) || attempt === MOVE_ATTEMPTS) throw error;
      }
    }
  }

  /** Removes the directories that a deleted object leaves empty. */
  async #removeEmpty(key: string): Promise<void> {
    for (let path = dirname(this.#pathOf(key)); path !== this.#root; path = dirname(path)) {
      const removed = await rmdir(path).then(
        () => true,
        () => false,
      );
      if (!removed) return;
    }
  }

  async #translated<T>(key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error && 'code' in error)) throw error;
      throw new StorageError({
        message: `Cannot use ${key} in the ${this.name}: ${String(error.code)}`,
        store: this.name,
        key,
        retryable: TRANSIENT.has(String(error.code)),
        cause: error,
      });
    }
  }
}

const MOVE_ATTEMPTS = 10;
const TRANSIENT = new Set(['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'ENOSPC', 'EDQUOT', 'EIO']);

async function readPart(file: FileHandle, start: number, end: number, signal: AbortSignal | undefined) {
  const bytes = Buffer.alloc(end - start);
  for (let at = 0; at < bytes.length; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at);
    if (bytesRead === 0) return bytes.subarray(0, at);
    at += bytesRead;
  }
  return bytes;
}

async function emptied(file: FileHandle): Promise<Readable> {
  await file.close();
  return Readable.from([]);
}

async function factsOf(key: string, path: string): Promise<ObjectFacts | undefined> {
  const facts = await lstat(path).catch(unlessMissing);
  return facts?.isFile() === true ? { key, length: facts.size, modified: facts.mtime } : undefined;
}

function fileNameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

function noNames(error: unknown): string[] {
  return unlessMissing(error) ?? [];
}

/** Four directories below one, for development without object storage. */
export function fileBuckets(basePath: string): PayloadBuckets {
  const bucket = (role: string) => new FilePayloadStore(join(basePath, role), `directory of ${role}`);
  return {
    json: bucket('json'),
    content: bucket('content'),
    versions: bucket('versions'),
    backup: bucket('backup'),
    close: async () => {},
  };
}
