import mongoose from 'mongoose';
import { startMongo } from '../../test/support/servers.ts';
import { loadReleases, type MimeEntry, type Release } from './releases.ts';
import { type MimeTypeModel, mimeTypeModel, mostChanged, type Replayed, replay } from './replay.ts';
import { clip, day, diffLines, heading, minute, progress, table, verdict, who } from './tables.ts';
import { askAt, verify } from './time-travel.ts';

const YEARS = [2015, 2017, 2019, 2021, 2023];

/** Replays the releases, and returns what each one changed. */
async function replayAll(model: MimeTypeModel, releases: readonly Release[]): Promise<Replayed[]> {
  console.log(heading(`Replaying ${releases.length} releases of mime-db as ordinary Mongoose writes`));
  console.log('A change made by a release that is not among them arrives with the next one that is.');
  const done: Replayed[] = [];
  const started = performance.now();
  for await (const step of replay(model, releases)) {
    done.push(step);
    const { release, added, changed, removed } = step;
    const what = `${release.version}: ${added} added, ${changed} changed, ${removed} removed`;
    progress(done.length, releases.length, `${day(release.at)}  ${what}`);
  }
  console.log(`${((performance.now() - started) / 1000).toFixed(1)} s`);
  return done;
}

/** Reads the whole collection as of each release, and compares it with that release's file. */
async function verifyAll(model: MimeTypeModel, replayed: readonly Replayed[]): Promise<boolean> {
  console.log(heading("Reading every release's instant back, each beside that release's own file"));
  const rows: string[][] = [];
  let equal = 0;
  const releases = replayed.map(({ release }) => release);
  for await (const { release, types, equal: same, ms } of verify(model, releases)) {
    const { added = 0, changed = 0, removed = 0 } = replayed[rows.length] ?? {};
    const counts = [added, changed, removed, types].map(String);
    rows.push([release.version, minute(release.at), ...counts, verdict(same), ms.toFixed(0)]);
    if (same) equal += 1;
    progress(rows.length, releases.length, `as of ${minute(release.at)}`);
  }
  const numbers = ['added', 'changed', 'removed', 'types', 'ms'];
  console.log(
    table(['release', 'as of (UTC)', 'added', 'changed', 'removed', 'types', 'its file', 'ms'], rows, numbers),
  );
  console.log(`${equal} of ${releases.length} releases deep-equal their file.`);
  return equal === releases.length;
}

/** Tells the story of one mime type: its versions, what changed, and a way back that is a version itself. */
async function tellStory(model: MimeTypeModel, id: string): Promise<void> {
  console.log(heading(`History of ${id}, the type with the most versions, newest first`));
  await printHistory(model, id);
  const [latest, previous] = await model.history(id, { limit: 2 });
  if (!latest || !previous?.from) throw new Error(`${id} has no two dated versions`);

  console.log(heading(`Diff of ${id} from version ${previous.ov} to version ${latest.ov}`));
  console.log(diffLines(await model.diff(id, previous.ov, latest.ov)));

  console.log(heading(`Plan of a restore to ${minute(previous.from)}, before anything is written`));
  const plan = await model.restoreCollection({ at: previous.from }, { filter: { _id: id }, dryRun: true });
  const steps = plan.actions.map((step) => [String(step.id), step.action, String(step.from), String(step.to)]);
  console.log(table(['document', 'action', 'from version', 'to version'], steps));
  const all = await model.restoreCollection({ at: previous.from }, { dryRun: true });
  console.log(`The whole collection: ${all.restored} restored, ${all.recreated} brought back, ${all.deleted} deleted.`);

  const before = await model.findById(id).lean();
  await model.restore(id, { ov: previous.ov }, { actor: 'quickstart', reason: `undo ${who(latest.actor)}` });
  const after = await model.findById(id).lean();
  console.log(heading(`Result of the restore of ${id} alone`));
  const rows = [
    ['before it', ...describe(before)],
    ['after it', ...describe(after)],
    [`version ${previous.ov}`, ...describe(previous.doc)],
  ];
  console.log(table(['', 'source', 'compressible', 'extensions'], rows));

  console.log(heading('History after it: the restore is one more version, and nothing is lost'));
  await printHistory(model, id);
}

async function printHistory(model: MimeTypeModel, id: string): Promise<void> {
  const rows: string[][] = [];
  for await (const { ov, from, op, actor, reason, doc } of model.history(id)) {
    const [source = '', , extensions = ''] = describe(doc);
    rows.push([String(ov), minute(from), op, who(actor), clip(reason ?? '', 40), `${source}: ${extensions}`]);
  }
  console.log(table(['ov', 'date (UTC)', 'op', 'who', 'why', 'source: extensions'], rows, ['ov']));
}

const describe = (type: MimeEntry | null): string[] => [
  type?.source ?? '',
  String(type?.compressible ?? ''),
  clip(type?.extensions?.join(' ') ?? '', 24),
];

/** Asks one query at instants between the releases. */
async function askThePast(model: MimeTypeModel, releases: readonly Release[]): Promise<boolean> {
  console.log(heading("IANA's compressible images and fonts by first extension, as of New Year's Day"));
  const instants = YEARS.map((year) => new Date(Date.UTC(year, 0, 1)));
  const rows: string[][] = [];
  let allEqual = true;
  for await (const { at, answer, release, expected, equal } of askAt(model, releases, instants)) {
    const inForce = `${release.version} of ${day(release.at)}`;
    rows.push([day(at), answer.join(' '), inForce, expected.join(' '), verdict(equal)]);
    allEqual &&= equal;
  }
  console.log(table(['as of', 'answer', 'release in force', 'its file', ''], rows));
  return allEqual;
}

const mongod = await startMongo();
try {
  await mongoose.connect(mongod.uri, { dbName: 'quickstart' });
  const model = mimeTypeModel(mongoose);
  const releases = await loadReleases();
  const replayed = await replayAll(model, releases);
  const whole = await verifyAll(model, replayed);
  await tellStory(model, mostChanged(releases));
  const asked = await askThePast(model, releases);
  if (!whole || !asked) process.exitCode = 1;
} finally {
  await mongoose.disconnect();
  await mongod.stop();
}
