import { PEERS, type Peer } from '../../support/peers.ts';
import type { Bench, BenchCase } from '../bench-case.ts';
import { besidePeer, ORDERS } from '../beside-peer.ts';
import { compare, figureOf } from '../compare.ts';
import { SINGLE_WRITES, type SingleWrite } from '../single-writes.ts';

async function measure(bench: Bench, peer: Peer, { name, workload }: SingleWrite): Promise<void> {
  const found = await besidePeer(bench, peer);
  if (found === undefined) return;
  const { mongoose, plain, theirs } = found;
  const [baseline, contender] = [await workload(plain), await workload(theirs)];
  for (const callers of [1, 16, 64]) {
    const comparison = await compare(bench, mongoose, baseline, contender, { callers, rounds: 5, sliceMs: 600 });
    const means = `the same with ${peer.name} ${peer.version}, as a share of plain Mongoose ${peer.mongoose}`;
    bench.report(figureOf(comparison, { name: `${peer.name}: ${name}`, callers, means }));
  }
  const records = await theirs.db.collection(peer.historyOf(ORDERS.collection)).countDocuments();
  bench.note(`${contender.done()} writes by ${name} left ${records} records of ${peer.name}`);
}

export const cases: BenchCase[] = PEERS.flatMap((peer) =>
  SINGLE_WRITES.map((write) => ({
    name: `${peer.name}: ${write.name}`,
    run: (bench) => measure(bench, peer, write),
  })),
);
