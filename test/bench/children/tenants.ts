import mongoose, { type Connection, type Model, type Mongoose } from 'mongoose';
import { type Chronos, initChronos } from '../../../src/index.ts';
import { offer } from '../child.ts';
import { liveHeap, residentSet } from '../memory-watch.ts';
import { median, quantile } from '../statistics.ts';
import { ENTITIES, PLAIN_FIELDS, User } from '../tenant-entities.ts';

const MB = 2 ** 20;
const LOOPS = 20;

export interface TenantsTask {
  readonly uri: string;
  /** Begins the names of databases. */
  readonly prefix: string;
  readonly tenants: number;
}

const idsOf = ({ tenants }: TenantsTask): string[] => Array.from({ length: tenants }, (_, n) => `t${n}`);

/** All tenants once, in an order that is no order, by parallel loops. */
async function touchAll(ids: readonly string[], touch: (id: string) => Promise<void>): Promise<void> {
  let turn = 0;
  const loop = async () => {
    while (turn < ids.length) await touch(ids[(turn++ * 7919) % ids.length] as string);
  };
  await Promise.all(Array.from({ length: LOOPS }, loop));
}

type Memory = ReturnType<typeof memory>;

/** In megabytes: what is alive, and what the process holds of the machine's. */
const memory = () => ({ heap: liveHeap() / MB, rss: residentSet() / MB });

/** What it takes to read all models of all tenants once; the first thousand, or a tenth, are told apart. */
async function measured(ids: readonly string[], sockets: () => number, readAll: (id: string) => Promise<void>) {
  const early = ids.slice(0, Math.min(1_000, ids.length));
  const [before, started] = [memory(), performance.now()];
  await touchAll(early, readAll);
  const seconds = (performance.now() - started) / 1_000;
  const between = memory();
  await touchAll(ids.slice(early.length), readAll);
  const after = memory();
  const perThousand = (from: Memory, to: Memory, count: number, what: keyof Memory) =>
    ((to[what] - from[what]) / Math.max(1, count)) * 1_000;
  return {
    rssMB: perThousand(before, after, ids.length, 'rss'),
    earlyRssMB: perThousand(before, between, early.length, 'rss'),
    heapMB: perThousand(before, between, early.length, 'heap'),
    laterHeapMB: after.heap - between.heap,
    secondsPerThousand: (seconds / early.length) * 1_000,
    sockets: sockets(),
  };
}

function socketsOf(connections: readonly Connection[]): () => number {
  const open = new Set<string>();
  for (const [index, connection] of connections.entries()) {
    const client = connection.getClient();
    client.on('connectionCreated', ({ connectionId }) => open.add(`${index} ${connectionId}`));
    client.on('connectionClosed', ({ connectionId }) => open.delete(`${index} ${connectionId}`));
  }
  return () => open.size;
}

const registryOf = (task: TenantsTask, cacheSize: number, from: Mongoose = mongoose): Chronos =>
  initChronos({
    mongoConns: [{ key: 'main', mongoUri: task.uri }],
    databases: {
      runtime: [{ key: 'tenants', mongoConnKey: 'main', dbName: `${task.prefix}{tenantId}`, tenantIds: idsOf(task) }],
    },
    tenants: { cacheSize },
    entities: ENTITIES,
    mongoose: from,
  });

const plainModels = (connection: Connection): Model<{ email?: string }>[] =>
  Object.entries(PLAIN_FIELDS).map(([name, fields]) =>
    connection.model(name, new mongoose.Schema(fields as never, { autoIndex: false, autoCreate: false }), name),
  ) as never;

const tasks = {
  /** Ours: every tenant has databases and models of its own, of which so many are kept at hand. */
  async ours({ cacheSize, writers, ...task }: TenantsTask & { readonly cacheSize: number; readonly writers: number }) {
    const chronos = registryOf(task, cacheSize);
    const [first, ...others] = idsOf(task) as [string];
    const connection = await User.forTenant(first).db.asPromise();
    const sockets = socketsOf([connection as unknown as Connection]);
    await User.forTenant(first).findOne({ email: 'x' });
    const reading = await measured(others, sockets, async (id) => {
      for (const entity of ENTITIES) await entity.forTenant(id).findOne({ email: 'x' });
    });
    const started = performance.now();
    await touchAll(others.slice(0, writers), async (id) => {
      for (const entity of ENTITIES) await entity.forTenant(id).create({ email: id });
    });
    const millisPerWrittenTenant = (performance.now() - started) / Math.max(1, writers);
    let foreign = 0;
    await touchAll(others.slice(0, writers), async (id) => {
      foreign += await User.forTenant(id).countDocuments({ email: { $ne: id } });
    });
    await chronos.close();
    return { ...reading, millisPerWrittenTenant, foreign, socketsAtEnd: sockets() };
  },

  /** Plain Mongoose: one connection, and for each tenant `useDb` with models of its own. */
  async useDb(task: TenantsTask) {
    const connection = await mongoose.createConnection(task.uri).asPromise();
    const sockets = socketsOf([connection]);
    const reading = await measured(idsOf(task), sockets, async (id) => {
      for (const model of plainModels(connection.useDb(`${task.prefix}${id}`, { useCache: true }))) {
        await model.findOne({ email: 'x' });
      }
    });
    await connection.close();
    return reading;
  },

  /** Plain Mongoose: a connection for each tenant. */
  async connections(task: TenantsTask) {
    const connections: Connection[] = [];
    const reading = await measured(
      idsOf(task),
      () => connections.length * 2,
      async (id) => {
        const connection = mongoose.createConnection(task.uri, { dbName: `${task.prefix}${id}` });
        connections.push(connection);
        for (const model of plainModels(connection)) await model.findOne({ email: 'x' });
      },
    );
    await Promise.all(connections.map((connection) => connection.close()));
    return reading;
  },

  /** The first query of each tenant, beside the same query of a collection that all of them share. */
  async firstQueries(task: TenantsTask) {
    const chronos = registryOf(task, 1_000);
    const shared = await mongoose.createConnection(task.uri, { dbName: `${task.prefix}shared` }).asPromise();
    const Shared = shared.model(
      'Shared',
      new mongoose.Schema({ tenant: String, email: String }).index({ tenant: 1, email: 1 }),
    );
    await Shared.init();
    const ids = idsOf(task);
    const times: Record<'ours' | 'shared', number[]> = { ours: [], shared: [] };
    const timed = async (who: 'ours' | 'shared', query: () => PromiseLike<unknown>) => {
      const started = performance.now();
      await query();
      times[who].push(performance.now() - started);
    };
    for (const id of ids) {
      await timed('shared', () => Shared.findOne({ tenant: id, email: 'x' }));
      await timed('ours', () => User.forTenant(id).findOne({ email: 'x' }));
    }
    await chronos.close();
    await shared.close();
    // Until then connections open and code warms up.
    const settled = (all: number[]) => all.slice(Math.min(100, ids.length / 2));
    return {
      ratio: median(settled(times.ours)) / median(settled(times.shared)),
      ratioP99: quantile(settled(times.ours), 0.99) / quantile(settled(times.shared), 0.99),
      millis: median(settled(times.ours)),
    };
  },

  /** `forTenant` of a tenant that is at hand, beside a look into a Map. */
  async warm(task: TenantsTask) {
    const chronos = registryOf(task, task.tenants);
    const ids = idsOf(task);
    const map = new Map(ids.map((id) => [id, User.forTenant(id)]));
    const ratios: number[] = [];
    for (let round = 0; round < 9; round++) {
      const looked = nanosOf(ids, (id) => map.get(id));
      ratios.push(nanosOf(ids, (id) => User.forTenant(id)) / looked);
    }
    await chronos.close();
    return { ratio: median(ratios.slice(2)) };
  },
};

const LOOKS = 2_000_000;

function nanosOf(ids: readonly string[], look: (id: string) => unknown): number {
  let found = 0;
  const started = process.hrtime.bigint();
  for (let n = 0; n < LOOKS; n++) if (look(ids[n % ids.length] as string) !== undefined) found += 1;
  const nanos = Number(process.hrtime.bigint() - started) / LOOKS;
  if (found !== LOOKS) throw new Error('A tenant was not found');
  return nanos;
}

export type TenantTasks = typeof tasks;

offer(tasks);
