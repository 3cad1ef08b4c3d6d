import type { mongo } from 'mongoose';
import { decodeExact } from '../bson/exact.ts';
import type { Store } from '../commit/store.ts';
import { PayloadMissingError } from '../errors.ts';
import type { PayloadTier } from '../offload/payload-tier.ts';
import { uncovered } from '../payload/covered-by.ts';
import { type CvRange, countedRows } from './counted-rows.ts';
import type { CountingRule } from './counting-rule.ts';
import { type DayTally, Tallies, tallyStage } from './tally.ts';

/** The rules that count in a collection. */
interface RulesHere {
  /** Those that the server answers by what is in MongoDB. */
  readonly inMongo: readonly CountingRule[];
  /** Those that have to look into what is in object storage. */
  readonly away: readonly CountingRule[];
}

/** Rows whose documents are fetched and handed to the server at a time. */
const BATCH_ROWS = 100;
const BATCH_BYTES = 8_000_000;

/**
 * Counts the versions of a range, all of one snapshot. The server decides which of them meet a rule, also of those that
 * are in object storage: they are fetched and handed to it.
 *
 * @throws StorageError where it does not answer, and a rule has to look into it
 */
export async function countRange(
  store: Store,
  session: mongo.ClientSession,
  range: CvRange,
  rules: readonly CountingRule[],
): Promise<readonly DayTally[]> {
  await store.payload?.kept.known();
  const { inMongo, away } = rulesHere(store, rules);
  const tallies = new Tallies();
  const stages = [...countedRows(store, range), tallyStage([...inMongo, ...away.map(onlyInMongo)], { totals: true })];
  for await (const counted of store.head.aggregate(stages, { session })) {
    tallies.add([...inMongo, ...away], counted as never);
  }
  if (away.length > 0) await countAway(store, session, range, away, tallies);
  return tallies.all;
}

/** Those of the rules that count in a collection: a rule for `meta` only where all that it looks at is indexed. */
export function rulesHere({ payload }: Store, rules: readonly CountingRule[]): RulesHere {
  if (payload === undefined) return { inMongo: rules, away: [] };
  const inMongo = rules.filter(({ paths }) => uncovered(payload.kept, paths).length === 0);
  const rest = rules.filter((rule) => !inMongo.includes(rule));
  return { inMongo, away: rest.filter((rule) => rule.scope === 'payload' && !looksAtBlobs(payload, rule)) };
}

/** In the places of blobs there are strings at first, and references later: rules have nothing to go by. */
function looksAtBlobs({ kept }: PayloadTier, { paths }: CountingRule): boolean {
  return uncovered({ indexed: undefined, blobPaths: kept.blobPaths }, paths).length > 0;
}

function onlyInMongo(rule: CountingRule): CountingRule {
  return { ...rule, when: { $and: [rule.when, { '_system.state': { $ne: 'processed' } }] } };
}

async function countAway(
  store: Store,
  session: mongo.ClientSession,
  range: CvRange,
  rules: readonly CountingRule[],
  tallies: Tallies,
): Promise<void> {
  const events = [...new Set(rules.flatMap((rule) => rule.events))];
  const isAway = { '_system.state': 'processed', '_system.counted.event': { $in: events } };
  const rows = store.head.aggregate([...countedRows(store, range), { $match: isAway }], { session, raw: true });
  let batch: Uint8Array[] = [];
  let bytes = 0;
  const count = async () => {
    if (batch.length > 0) tallies.add(rules, await tallied(store, batch, rules));
    [batch, bytes] = [[], 0];
  };
  for await (const row of rows) {
    const document = await fetched(store.payload as PayloadTier, row as unknown as Uint8Array);
    if (document === undefined) continue;
    if (batch.length === BATCH_ROWS || bytes + document.length > BATCH_BYTES) await count();
    batch.push(document);
    bytes += document.length;
  }
  await count();
}

/** What is there no more meets no rule. */
function fetched(payload: PayloadTier, row: Uint8Array): Promise<Uint8Array | undefined> {
  return payload.withReferences(row).catch((error: unknown) => {
    if (error instanceof PayloadMissingError) return undefined;
    throw error;
  });
}

async function tallied(
  { head, bson }: Store,
  documents: readonly Uint8Array[],
  rules: readonly CountingRule[],
): Promise<Parameters<Tallies['add']>[1]> {
  const { db } = head as unknown as { db: mongo.Db };
  const given = documents.map((bytes) => ({ document: { $literal: decodeExact(bson, bytes) } }));
  const stages = [{ $documents: given }, { $replaceWith: '$document' }, tallyStage(rules, { totals: false })];
  const [counted = {}] = await db.aggregate(stages).toArray();
  return counted as never;
}
