import { AsyncResource } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Query, Types } from 'mongoose';
import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Post, Prop, Ref } from '../../decorators/index.ts';
import { type Chronos, runInChronosContext, TenantNotFoundError } from '../../src/index.ts';
import { BAD_TENANT_IDS } from '../support/bad-tenant-ids.ts';
import { testRegistries } from '../support/registry.ts';

/** What to do after a read, by what is read. */
const afterRead = new Map<unknown, () => void>();

@ChronosEntity({ collection: 'notes' })
class Note extends ChronosModel {
  @Prop({ required: true }) text!: string;
  @Ref(() => Note) next?: Types.ObjectId;

  @Post('find') static onRead(this: Query<unknown, Note>): void {
    afterRead.get(this.getFilter().text)?.();
  }
}

const { init, mongoUri, prefix, databaseNames } = await testRegistries();

const chronos: Chronos = init({
  mongoConns: [{ key: 'main', mongoUri }],
  databases: {
    runtime: [{ key: 'many', mongoConnKey: 'main', dbName: `${prefix}{tenantId}`, tenantIds: ['a', 'b'] }],
  },
  entities: [Note],
});

for (const tenant of ['a', 'b']) await Note.forTenant(tenant).create({ text: `of ${tenant}` });

/** Whose data a bare `chronos.model(Note)` is here; nobody's where it refuses. */
function whose(): string | undefined {
  try {
    return chronos.model(Note).db.name.slice(prefix.length);
  } catch (error) {
    expect(error).toBeInstanceOf(TenantNotFoundError);
    return undefined;
  }
}

type Look = () => string | undefined;

/** Ways on which code goes on inside the context it was begun in. */
const KEPT: Record<string, (look: Look) => Promise<unknown>> = {
  'a timer': (look) => new Promise((resolve) => setTimeout(() => resolve(look()), 1)),
  'an immediate and a next tick': (look) =>
    new Promise((resolve) => setImmediate(() => process.nextTick(() => resolve(look())))),
  'a microtask': (look) => new Promise((resolve) => queueMicrotask(() => resolve(look()))),
  'an event of its own': async (look) => {
    const emitter = new EventEmitter();
    setImmediate(() => emitter.emit('done', look()));
    return (await once(emitter, 'done'))[0];
  },
  'a stream': async (look) => {
    const seen: unknown[] = [];
    const sink = new Writable({ objectMode: true, write: (_chunk, _encoding, done) => done(void seen.push(look())) });
    await pipeline(Readable.from([1]), sink);
    return seen[0];
  },
  'a hook after a read': async (look) => {
    let seen: unknown;
    const text = randomUUID();
    afterRead.set(text, () => {
      seen = look();
    });
    await Note.forTenant('b').find({ text });
    return seen;
  },
};

/** Ways on which code runs outside of it, though it was written inside. */
const LOST: Record<string, (inside: <T>(fn: () => T) => T, look: Look) => Promise<unknown>> = {
  'a listener that somebody else calls': async (inside, look) => {
    const emitter = new EventEmitter();
    const seen: unknown[] = [];
    inside(() => emitter.on('done', () => seen.push(look())));
    emitter.emit('done');
    return seen[0];
  },
  'a pool of workers that was there before': async (inside, look) => {
    const jobs: (() => void)[] = [];
    const wake = new EventEmitter();
    const worker = once(wake, 'job').then(() => jobs.shift()?.());
    const result = inside(() => new Promise((resolve) => jobs.push(() => resolve(look()))));
    wake.emit('job');
    await worker;
    return result;
  },
  'a thenable that is awaited outside': async (inside, look) => {
    // biome-ignore lint/suspicious/noThenProperty: what is awaited need not be a promise
    const thenable = inside(() => ({ then: (resolve: (value: unknown) => void) => resolve(look()) }));
    return thenable as PromiseLike<unknown>;
  },
  'a function that is handed out': async (inside, look) => inside(() => () => look())(),
  'a generator that is run outside': async (inside, look) => {
    async function* generate() {
      yield look();
    }
    for await (const seen of inside(generate)) return seen;
    return undefined;
  },
  'a stream that is read outside': async (inside, look) => {
    const stream = inside(
      () =>
        new Readable({
          objectMode: true,
          read() {
            this.push({ seen: look() });
            this.push(null);
          },
        }),
    );
    for await (const { seen } of stream) return seen;
    return undefined;
  },
};

test.each(Object.entries(KEPT))('%s goes on with the tenant it was begun with', async (_, way) => {
  const [a, b] = await Promise.all(['a', 'b'].map((tenant) => runInChronosContext({ tenant }, () => way(whose))));
  expect([a, b]).toEqual(['a', 'b']);
});

test.each(Object.entries(LOST))('%s is nobody, and is refused', async (_, way) => {
  const inside = <T>(fn: () => T): T => runInChronosContext({ tenant: 'a' }, fn);
  expect(await way(inside, whose)).toBeUndefined();
  const handle = inside(() => chronos.model(Note));
  expect(await way(inside, () => handle.db.name)).toBe(`${prefix}a`);
  const bound = inside(() => AsyncResource.bind(whose));
  expect(await way(inside, bound)).toBe('a');
});

test('a handle wins over the context, for all it leads to', async () => {
  const Notes = Note.forTenant('a');
  await runInChronosContext({ tenant: 'b', actor: 'ana' }, async () => {
    expect(chronos.model(Note, { tenantId: 'a' })).toBe(Notes);
    const first = await Notes.create({ text: 'first' });
    const second = await Notes.create({ text: 'second', next: first._id });
    const found = await Notes.findById(second._id).populate<{ next: Note }>('next').orFail();
    expect(found.next.text).toBe('first');
    found.text = 'changed';
    await found.save();
    expect((await Notes.history(second._id))[0]).toMatchObject({ actor: 'ana', ov: 1 });
    expect(await chronos.model(Note).findById(second._id)).toBeNull();
    expect(first.$model('Note').db.name).toBe(`${prefix}a`);
  });
});

test('a query belongs to whoever it was begun for, wherever it is awaited', async () => {
  const query = runInChronosContext({ tenant: 'a' }, () => chronos.model(Note).findOne({ text: /^of/ }));
  expect(await runInChronosContext({ tenant: 'b' }, async () => (await query)?.text)).toBe('of a');
});

test('contexts nest, and an inner one without a tenant keeps the outer', () => {
  runInChronosContext({ tenant: 'a' }, () => {
    runInChronosContext({ actor: 'ana' }, () => expect(whose()).toBe('a'));
    runInChronosContext({ tenant: 'b' }, () => expect(whose()).toBe('b'));
    expect(whose()).toBe('a');
  });
  expect(whose()).toBeUndefined();
});

test('no id is any better for coming from the context', async () => {
  const before = await databaseNames();
  for (const tenant of [...BAD_TENANT_IDS, 'c', 'A', '__proto__', 'constructor'] as string[]) {
    runInChronosContext({ tenant }, () => {
      expect(() => chronos.model(Note)).toThrow(TenantNotFoundError);
      expect(() => chronos.with({ databaseType: 'runtime', collection: 'notes' })).toThrow(TenantNotFoundError);
    });
  }
  expect(await databaseNames()).toEqual(before);
});
