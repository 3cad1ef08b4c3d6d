import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as swc from '@swc/core';
import * as esbuild from 'esbuild';
import mongoose from 'mongoose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schemaFor } from '../../../decorators/index.ts';
import { Book, Maker, Product, Untyped } from '../../std/shop.ts';
import { COMPILE_TIMEOUT, compile, root } from '../../support/compile.ts';
import { portrayed } from '../../support/schema-portrait.ts';

type Shop = Pick<typeof import('../../std/shop.ts'), 'Maker' | 'Product' | 'Book' | 'Untyped'>;

interface Mode {
  /** Who compiles the app; else TypeScript does, with its library. */
  readonly transform?: (code: string) => Promise<{ readonly code: string }>;
  readonly config?: 'standard' | 'no-metadata';
  readonly metadata?: true;
}

const byEsbuild = (experimentalDecorators: boolean) => (code: string) =>
  esbuild.transform(code, {
    loader: 'ts',
    target: 'es2022',
    tsconfigRaw: { compilerOptions: { experimentalDecorators } },
  });

const bySwc = (transform: swc.TransformConfig) => (code: string) =>
  swc.transform(code, {
    configFile: false,
    swcrc: false,
    jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true }, transform },
  });

/** The ways that apps are compiled. */
const MODES: Record<string, Mode> = {
  'standard decorators, by TypeScript': { config: 'standard' },
  'standard decorators, by esbuild': { transform: byEsbuild(false) },
  'standard decorators, by swc': { transform: bySwc({ decoratorVersion: '2022-03' }) },
  'legacy decorators without metadata, by TypeScript': {},
  'legacy decorators without metadata, by esbuild, as tsx has it': { transform: byEsbuild(true) },
  'legacy decorators with metadata, by swc': {
    transform: bySwc({ legacyDecorator: true, decoratorMetadata: true }),
    metadata: true,
  },
};

const SEEN = 'a type that the compiler saw need not be named';
const NOT_NAMED = 'a type that is not named is an error that names class, property and cure';

let folder: string;

beforeAll(async () => {
  // Beneath node_modules, where what is imported is found and nothing else looks.
  folder = await mkdtemp(join(root, 'node_modules', '.std-'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  for (const config of ['standard', 'no-metadata']) {
    expect(await compile('-p', `test/std/tsconfig.${config}.json`, '--outDir', join(folder, config))).toBe('');
  }
}, COMPILE_TIMEOUT);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(Object.entries(MODES))('%s', (name, { transform, config = 'no-metadata', metadata }) => {
  let shop: Shop;
  let built: { readonly schemaFor: typeof schemaFor };

  beforeAll(async () => {
    const file = transform === undefined ? 'shop.js' : `${name.replaceAll(/\W+/g, '-')}.js`;
    const load = (path: string) => import(pathToFileURL(join(folder, config, path)).href);
    if (transform !== undefined) {
      const { code } = await transform(await readFile(join(root, 'test/std/shop.ts'), 'utf8'));
      await writeFile(join(folder, config, 'test/std', file), code.replaceAll(/(from ["'].*)\.ts(["'])/g, '$1.js$2'));
    }
    built = (await load('decorators/index.js')) as typeof built;
    shop = (await load(`test/std/${file}`)) as Shop;
  });

  test.each(Object.entries({ Maker, Product, Book }))('%s has the schema it has with metadata', (entity, original) => {
    const portrait = portrayed(built.schemaFor(shop[entity as keyof Shop]));
    expect(portrait).toEqual(portrayed(schemaFor(original)));
    expect(portrait).toMatchObject({ order: expect.arrayContaining([entity === 'Book' ? 'pages' : 'name']) });
  });

  test('documents have the methods and accessors of their classes', async () => {
    const Products = mongoose.createConnection().model('Product', built.schemaFor(shop.Product));
    const Books = Products.discriminator('Book', built.schemaFor(shop.Book), 'book');
    const maker = new mongoose.Types.ObjectId();
    const book = new Books({ name: 'Mars', maker, pages: 5, price: { amount: 1, currency: 'EUR' } });
    await book.validate();
    expect((book as unknown as Book).label()).toBe('The mars at 1 EUR, 5 pages');
    expect(book.toObject()).toMatchObject({ name: 'mars', stampedBy: 'shop', __t: 'book' });
  });

  test(metadata ? SEEN : NOT_NAMED, () => {
    const schema = () => built.schemaFor(shop.Untyped);
    if (metadata) expect(schema().path('text')).toMatchObject({ instance: 'String' });
    else expect(schema).toThrow('Untyped.text: no type is known of it. Name it: @Prop({ type: String })');
  });
});

test(SEEN, () => {
  expect(schemaFor(Untyped).path('text')).toMatchObject({ instance: 'String' });
});
