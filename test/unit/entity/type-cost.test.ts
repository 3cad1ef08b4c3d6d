import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMPILE_TIMEOUT, compile, root } from '../../support/compile.ts';

const PROGRAMS = 'test/types/cost';
const MOST = 1.5;

let folder: string;

beforeAll(async () => {
  // Beneath node_modules, where what is imported is found and nothing else looks. As apps have it, the library is there
  // by its declarations.
  folder = await mkdtemp(join(root, 'node_modules', '.types-'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await cp(join(root, PROGRAMS), join(folder, PROGRAMS), { recursive: true });
  const said = await compile('-p', 'tsconfig.build.json', '--outDir', folder, '--emitDeclarationOnly');
  expect(said).toBe('');
}, COMPILE_TIMEOUT);

afterAll(() => rm(folder, { recursive: true, force: true }));

const MONGOOSE_8 = {
  mongoose: [join(root, 'node_modules/mongoose8/types/index.d.ts')],
  mongodb: [join(root, 'node_modules/mongoose8/node_modules/mongodb')],
};

/** How many types the compiler makes of generic ones to check a program: the same number each time. */
async function instantiations(program: string, paths: object): Promise<number> {
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = { paths };
  const files = [join(PROGRAMS, `${program}.ts`), ...Object.values(paths).flat().slice(0, 1)];
  await writeFile(config, JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, files, include: [] }));
  const said = await compile('-p', config, '--extendedDiagnostics', '--singleThreaded');
  expect(said).not.toContain('error');
  return Number(/^Instantiations:\s+(\d+)$/m.exec(said)?.[1]);
}

test.each([
  ['9', {}],
  ['8', MONGOOSE_8],
])(
  'with Mongoose %s, entities cost the compiler at most 1.5 times what plain Mongoose does',
  {
    timeout: COMPILE_TIMEOUT,
  },
  async (_, paths) => {
    const plain = await instantiations('plain', paths);
    const entity = await instantiations('entity', paths);
    expect(plain).toBeGreaterThan(100_000);
    expect(entity / plain).toBeLessThan(MOST);
  },
);
