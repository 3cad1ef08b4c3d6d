import { randomBytes } from 'node:crypto';
import type { Bench, BenchCase } from '../bench-case.ts';
import type { TenantsTask, TenantTasks } from '../children/tenants.ts';
import { expect } from '../expect.ts';

const TENANTS = 10_000;
/** Plain Mongoose keeps what it made, and a tenth shows as much. */
const PEERS_TENANTS = 1_000;
const CONNECTED_TENANTS = 200;
const CACHE = 1_000;
const WRITERS = 300;

const startTask = (bench: Bench) => bench.startChild<TenantTasks>(new URL('../children/tenants.ts', import.meta.url));

const taskOf = (bench: Bench, uri: string, tenants: number): TenantsTask => ({
  uri,
  prefix: `bench-${randomBytes(4).toString('hex')}-`,
  tenants: bench.quick ? tenants / 10 : tenants,
});

async function memory(bench: Bench): Promise<void> {
  const uri = await bench.startMongo();
  const writers = bench.quick ? WRITERS / 10 : WRITERS;
  const task = taskOf(bench, uri, TENANTS);
  const ours = await startTask(bench).ask('ours', { ...task, cacheSize: CACHE, writers });
  expect('documents of other tenants', ours.foreign, 0);
  const useDb = await startTask(bench).ask('useDb', taskOf(bench, uri, PEERS_TENANTS));
  const connections = await startTask(bench).ask('connections', taskOf(bench, uri, CONNECTED_TENANTS));

  const name = 'tenants';
  bench.note(
    `${name}: the first write to each of a tenant's 5 collections takes ${ours.millisPerWrittenTenant.toFixed(0)} ms, of 20 tenants at a time`,
  );
  const of = (peer: 'rssMB' | 'heapMB') =>
    `useDb ${useDb[peer].toFixed(0)}, a connection each ${connections[peer].toFixed(0)}`;
  bench.report({
    name: `${name}: memory per 1,000 x 5 models`,
    callers: 20,
    ratio: ours.rssMB / 30,
    goal: { atMost: 1 },
    means: `${ours.rssMB.toFixed(0)} MB of RSS, of 30 allowed, over ${task.tenants} tenants in a cache of ${CACHE}; ${of('rssMB')}`,
  });
  bench.report({
    name: `${name}: memory per 1,000 in the cache`,
    callers: 20,
    ratio: ours.heapMB / useDb.heapMB,
    means: `${ours.heapMB.toFixed(0)} MB alive (RSS ${ours.earlyRssMB.toFixed(0)}); ${of('heapMB')}`,
  });
  bench.report({
    name: `${name}: memory of those beyond the cache`,
    callers: 20,
    ratio: Math.max(0, ours.laterHeapMB) / 30,
    goal: { atMost: 1 },
    means: `${ours.laterHeapMB.toFixed(0)} MB more alive for ${task.tenants - CACHE} tenants more`,
  });
  bench.report({
    name: `${name}: time of a first read of all, beside useDb`,
    callers: 20,
    ratio: ours.secondsPerThousand / useDb.secondsPerThousand,
    means: `${ours.secondsPerThousand.toFixed(1)} s per 1,000; useDb ${useDb.secondsPerThousand.toFixed(1)}, a connection each ${connections.secondsPerThousand.toFixed(1)}`,
  });
  bench.report({
    name: `${name}: sockets`,
    callers: 20,
    ratio: ours.sockets / 100,
    goal: { atMost: 1 },
    means: `${ours.sockets} of the 100 of one pool; useDb ${useDb.sockets}, a connection each ${connections.sockets}`,
  });
  expect('sockets after close()', ours.socketsAtEnd, 0);
}

async function firstQuery(bench: Bench): Promise<void> {
  const task = taskOf(bench, await bench.startMongo(), PEERS_TENANTS);
  const { ratio, ratioP99, millis } = await startTask(bench).ask('firstQueries', task);
  bench.report({
    name: 'tenants: first query',
    callers: 1,
    ratio,
    goal: { atMost: 1.2 },
    means: `time beside a query of a shared collection by a tenant field; ${millis.toFixed(2)} ms, p99 ${ratioP99.toFixed(2)} x`,
  });
}

async function warmLook(bench: Bench): Promise<void> {
  const { ratio } = await startTask(bench).ask('warm', taskOf(bench, bench.sharedUri, PEERS_TENANTS));
  bench.report({
    name: 'tenants: forTenant at hand',
    callers: 1,
    ratio,
    goal: { atMost: 20 },
    means: 'time beside a look into a Map',
  });
}

export const cases: BenchCase[] = [
  { name: 'tenants: memory and sockets', run: memory },
  { name: 'tenants: first query', run: firstQuery },
  { name: 'tenants: warm', run: warmLook },
];
