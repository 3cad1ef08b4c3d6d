import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  Base64,
  ChronosEntity,
  ChronosModel,
  Defaults,
  Embedded,
  Index,
  Prop,
  Ref,
  Virtuals,
} from '../../decorators/index.ts';
import type { Chronos, Operations } from '../../src/index.ts';
import { clock, describeTransparency, type Models } from '../support/reads-and-writes.ts';
import { testRegistries } from '../support/registry.ts';

/** The same of entities, and of the client's calls, with their payloads on the local store. */

const versioning = { clock };

@ChronosEntity({ collection: 'authors', indexed: ['name'], versioning })
class Author extends ChronosModel<number> {
  @Prop() declare _id: number;
  @Prop() name!: string;
  @Prop() bio!: string;
}

@Embedded({})
class Item {
  @Prop() sku!: string;
  @Prop() qty!: number;
  @Prop() note?: string;
}

@Embedded({ _id: false })
class Deep {
  @Prop() a?: number;
  @Prop({ type: [Number] }) b?: number[];
}

@Embedded({ _id: false })
class Nested {
  @Prop() deep?: Deep;
}

const schemaOptions = { timestamps: { currentTime: clock.now }, discriminatorKey: 'kind', optimisticConcurrency: true };

@ChronosEntity({ collection: 'papers', indexed: ['title', 'items.sku', 'author'], versioning, schemaOptions })
@Index({ rank: 1 })
class Paper extends ChronosModel<number> {
  declare [Virtuals]: 'shout';
  declare [Defaults]: 'rank';
  @Prop() declare _id: number;
  @Prop({ required: true }) title!: string;
  @Prop({ default: 1 }) rank!: number;
  @Prop({ maxlength: 100 }) text?: string;
  @Base64({ contentType: 'application/pdf' }) file?: string;
  @Prop({ type: [Item] }) items!: Item[];
  @Prop({ type: Map, of: String }) meta?: Map<string, string>;
  @Prop() nested?: Nested;
  @Ref(() => Author) author?: number;

  get shout(): string {
    return `${this.text}!`;
  }
}

@ChronosEntity({ discriminatorValue: 'report' })
class Report extends Paper {
  @Prop() pages?: number;
}

const { init, prefix, mongoUri } = await testRegistries();
const basePath = await mkdtemp(join(tmpdir(), 'chronos-transparent-'));
afterAll(() => rm(basePath, { recursive: true, force: true }));

const TENANT = { tenantId: 'a' } as const;

function client(name: string, isAway: boolean): Chronos {
  return init({
    mongoConns: [{ key: 'main', mongoUri }],
    databases: { runtime: [{ key: 'main', mongoConnKey: 'main', dbName: `${prefix}${name}`, ...TENANT }] },
    collectionMaps: {
      notes: { indexedProps: ['title', 'tags'], base64Props: { scan: { contentType: 'image/png' } } },
    },
    entities: [Author, Paper, Report],
    ...(isAway ? { localStorage: { enabled: true, basePath } } : {}),
  });
}

const whole = client('whole', false);
const away = client('away', true);

function modelsOf(chronos: Chronos): Models {
  const models = [Author, Paper, Report].map((entity) => chronos.model(entity as typeof Author, TENANT));
  const [authors, papers, reports] = models as unknown as [Models['Author'], Models['Paper'], Models['Report']];
  return { Author: authors, Paper: papers, Report: reports };
}

describeTransparency(modelsOf(whole), modelsOf(away));

interface Note {
  title: string;
  tags?: string[];
  text?: string;
  scan?: string;
  in?: object;
}
type Notes = Operations<Note>;

const SCAN = Buffer.from('a scan').toString('base64');

/** One call after the other; each has the ids of the documents that were made before. */
const CALLS: readonly ((notes: Notes, ids: readonly string[]) => Promise<unknown>)[] = [
  (notes) => notes.create({ title: 'one', tags: ['x'], text: 'long', scan: SCAN, in: { deep: [1, { a: 2 }] } }),
  (notes) => notes.create({ title: 'two', text: 'longer' }, 'ana', 'why'),
  (notes, [a = '']) => notes.update(a, { title: 'one', text: 'other', scan: SCAN }, 0, 'ana'),
  (notes, [a = '']) => notes.update(a, { title: 'late' }, 0),
  (notes, [, b = '']) => notes.enrich(b, [{ tags: ['y'], in: { deep: [3] } }, { tags: ['z'] }], { functionId: 'f' }),
  (notes, [a = '']) => notes.restoreObject(a, { ov: 0 }),
  (notes, [, b = '']) => notes.delete(b, 1, 'ben', 'gone'),
  (notes, [, b = '']) => notes.restoreObject(b, { ov: 1 }),
  (notes, [, b = '']) => notes.update(b, { title: 'two', tags: ['w'] }),
];

/** All that can be asked of what there is. */
async function told(notes: Notes, ids: readonly string[]): Promise<unknown[]> {
  const each = ids.map(async (id) => [
    await notes.getLatest(id, { includeMeta: true, includeDeleted: true }),
    await notes.getLatest(id, { projection: ['text', 'in'] }),
    await Promise.all([0, 1, 2, 3].map((ov) => notes.getVersion(id, ov))),
  ]);
  return [
    await Promise.all(each),
    await notes.query({ title: { $in: ['one', 'two'] } }, { sort: { title: -1 } }),
    await notes.query({ tags: 'x' }, { at: new Date() }),
    await notes.listByMeta({ filter: { title: 'two' } }),
  ];
}

test('the calls of a client tell the same wherever payloads are', async () => {
  const sides = [whole, away].map((chronos) => ({ notes: chronos.with<Note>({ key: 'main', collection: 'notes' }), ids: [] as string[] })); // biome-ignore format: short
  for (const call of CALLS) {
    const answers = [];
    for (const { notes, ids } of sides) {
      const answer = await call(notes, ids).catch(({ name, message }: Error) => ({ name, message }));
      if ((answer as { ov?: number }).ov === 0 && 'createdAt' in (answer as object)) ids.push((answer as { id: string }).id); // biome-ignore format: short
      await away.flush();
      await away.admin.markItemsAsProcessedByTTL({ key: 'main', collection: 'notes' }, 0, { confirm: true });
      answers.push(comparable([answer, await told(notes, ids)], ids));
    }
    expect(answers[1]).toEqual(answers[0]);
  }
});

/** Without ids that were drawn, times, and where versions are kept. */
function comparable(value: unknown, ids: readonly string[]): unknown {
  const text = JSON.stringify(value, (key, field) => (key === 'state' ? undefined : field));
  const dateless = text.replaceAll(/"\d{4}-\d\d-\d\dT[^"]*"/g, '"then"');
  return JSON.parse(ids.reduce((named, id, index) => named.replaceAll(id, `id ${index}`), dateless));
}
