import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { COMPILE_TIMEOUT, compile, root } from '../../support/compile.ts';

/** What the README leaves to the reader. */
const AROUND = `
@ChronosEntity()
class Team extends ChronosModel {
  @Prop() name!: string;
}
declare const connection: Connection;
declare const before: Date;
`;

test('the example of entities in the README compiles', { timeout: COMPILE_TIMEOUT }, async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const [, example] = /```ts\n([^`]*?@ChronosEntity\(.*?)^```/ms.exec(readme) ?? [];
  const folder = await mkdtemp(join(root, 'node_modules', '.readme-'));
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = { paths: { 'mongoose-chronos/decorators': [join(root, 'decorators/index.ts')] } };
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const files = { files: ['example.ts'], include: [] };
  await writeFile(config, JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, ...files }));
  await writeFile(join(folder, 'example.ts'), `${example}${AROUND}`);
  const said = await compile('-p', config);
  await rm(folder, { recursive: true });
  expect(example).toContain('entityModel(connection, User)');
  expect(said).toBe('');
});
