import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import mongoose from 'mongoose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schemaFor } from '../../../decorators/index.ts';
import { Book, Maker, Product, Untyped } from '../../std/shop.ts';
import { COMPILE_TIMEOUT, compile, root } from '../../support/compile.ts';
import { portrayed } from '../../support/schema-portrait.ts';

type Shop = Pick<typeof import('../../std/shop.ts'), 'Maker' | 'Product' | 'Book' | 'Untyped'>;

interface Compiled {
  readonly schemaFor: typeof schemaFor;
  readonly shop: Shop;
}

/** The shop as an app has it that is compiled so, with the library beside it. */
async function compiled(config: string, folder: string): Promise<Compiled> {
  expect(await compile('-p', `test/std/${config}`, '--outDir', folder)).toBe('');
  const load = (file: string) => import(pathToFileURL(join(folder, file)).href);
  const library = (await load('decorators/index.js')) as Pick<Compiled, 'schemaFor'>;
  return { schemaFor: library.schemaFor, shop: (await load('test/std/shop.js')) as Shop };
}

const MODES = {
  'standard decorators': 'tsconfig.standard.json',
  'legacy decorators without metadata': 'tsconfig.no-metadata.json',
};

describe.each(Object.entries(MODES))('%s', (_, config) => {
  let folder: string;
  let built: Compiled;

  beforeAll(async () => {
    // Beneath node_modules, where what is imported is found and nothing else looks.
    folder = await mkdtemp(join(root, 'node_modules', '.std-'));
    built = await compiled(config, folder);
  }, COMPILE_TIMEOUT);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each(Object.entries({ Maker, Product, Book }))('%s has the schema it has with metadata', (name, entity) => {
    const portrait = portrayed(built.schemaFor(built.shop[name as keyof Shop]));
    expect(portrait).toEqual(portrayed(schemaFor(entity)));
    expect(portrait).toMatchObject({ order: expect.arrayContaining([name === 'Book' ? 'pages' : 'name']) });
  });

  test('documents have the methods and accessors of their classes', async () => {
    const Products = mongoose.createConnection().model('Product', built.schemaFor(built.shop.Product));
    const Books = Products.discriminator('Book', built.schemaFor(built.shop.Book), 'book');
    const maker = new mongoose.Types.ObjectId();
    const book = new Books({ name: 'Mars', maker, pages: 5, price: { amount: 1, currency: 'EUR' } });
    await book.validate();
    expect((book as unknown as Book).label()).toBe('The mars at 1 EUR, 5 pages');
    expect(book.toObject()).toMatchObject({ name: 'mars', stampedBy: 'shop', __t: 'book' });
  });

  test('a type that is not named is an error that names class, property and cure', () => {
    expect(() => built.schemaFor(built.shop.Untyped)).toThrow(
      'Cannot define Untyped.text: no type is known of it. Name it: @Prop({ type: String })',
    );
  });
});

test('with metadata a type that the compiler saw need not be named', () => {
  expect(schemaFor(Untyped).path('text')).toMatchObject({ instance: 'String' });
});
