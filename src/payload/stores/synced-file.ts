import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { piecesOf } from '../byte-stream.ts';
import { type Digest, RunningDigest } from '../digest.ts';
import { unlessMissing } from './file-errors.ts';

/** Writes a new file, which is on disk once its digest is told. */
export async function writeSynced(
  path: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Digest> {
  const digest = new RunningDigest();
  const file = await open(path, 'wx');
  try {
    for await (const piece of piecesOf(body)) {
      signal?.throwIfAborted();
      digest.add(piece);
      await file.writeFile(piece);
    }
    signal?.throwIfAborted();
    await file.sync();
  } finally {
    await file.close();
  }
  return digest.end();
}

/** Syncs a directory, and those above it up to the one in which the first new one was made. */
export async function syncDirectories(directory: string, firstMade: string | undefined): Promise<void> {
  const last = firstMade === undefined ? directory : dirname(firstMade);
  for (let path = directory; ; path = dirname(path)) {
    await syncDirectory(path);
    if (path === last || path === dirname(path)) return;
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot sync directories, and keeps renames without it.
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r').catch(unlessMissing);
  if (directory === undefined) return;
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
