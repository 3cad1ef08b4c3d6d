import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as Library from '../../src/index.ts';
import type * as S3 from '../../src/s3.ts';

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));
const BUILT = fileURLToPath(new URL('../../dist/src/', import.meta.url));

interface Loaded {
  readonly library: typeof Library;
  readonly s3: typeof S3;
  readonly from: string;
}

/** The library as users get it, unless the build is missing or older than its sources. */
export async function loadLibrary(): Promise<Loaded> {
  const isBuilt = (await newest(BUILT)) >= (await newest(SOURCE));
  const entry = (name: string) => (isBuilt ? join(BUILT, `${name}.js`) : join(SOURCE, `${name}.ts`));
  const library: typeof Library = await import(entry('index'));
  const s3: typeof S3 = await import(entry('s3'));
  return { library, s3, from: isBuilt ? 'dist' : 'src, because dist is missing or older: run npm run build first' };
}

async function newest(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  const times = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).mtimeMs),
  );
  return Math.max(0, ...times);
}
