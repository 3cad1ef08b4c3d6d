import { expect, test } from 'vitest';
import { type ChronosModelType, ConfigError, chronos } from '../../src/index.ts';
import { allStored } from '../support/all-stored.ts';
import { testDatabase } from '../support/database.ts';
import { headsOf } from '../support/stored.ts';

const mongoose = await testDatabase();
const { ValidationError } = mongoose.Error;

interface User {
  _id: string;
  email?: string | null;
  name?: string;
  team?: { lead?: string };
  phones?: { number?: string }[];
}

function modelOf(name: string, required: string[]) {
  const schema = new mongoose.Schema<User, ChronosModelType<User>>(
    { _id: String, email: String, name: String, team: {}, phones: { type: [{}], default: undefined } } as never,
    { collection: 'users', minimize: false } as never,
  );
  schema.plugin(chronos, { required });
  return mongoose.model<User, ChronosModelType<User>>(name, schema);
}

const Users = modelOf('User', ['email', 'team.lead', 'phones.number']);
const whole = { email: 'a@x.z', team: { lead: 'b' }, phones: [{ number: '1' }] };

/** The paths that a call is refused for, which leaves everything as it was. */
async function refusedFor(call: () => PromiseLike<unknown>): Promise<Record<string, string>> {
  const before = await allStored(mongoose);
  const error = await Promise.resolve(call()).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ValidationError);
  expect(await allStored(mongoose)).toEqual(before);
  const { errors } = error as InstanceType<typeof ValidationError>;
  return Object.fromEntries(Object.entries(errors).map(([path, { kind }]) => [path, kind]));
}

test('what is required has to be there, whatever call makes the version', async () => {
  await Users.create({ _id: 'a', ...whole });
  const doc = await Users.findById('a').orFail();
  doc.set('email', null);
  const one = { _id: 'a' };
  const without = { phones: [{ number: '1' }], team: { lead: 'b' } };
  const calls: Record<string, () => PromiseLike<unknown>> = {
    create: () => Users.create({ _id: 'b', ...without }),
    'create, null': () => Users.create({ _id: 'b', ...whole, email: null }),
    'create, empty': () => Users.create({ _id: 'b', ...whole, email: '' }),
    insertMany: () => Users.insertMany([{ _id: 'b', ...without }]),
    native: () => Users.collection.insertOne({ _id: 'b', ...without } as never),
    save: () => doc.save(),
    $set: () => Users.updateOne(one, { $set: { email: '' } }),
    $unset: () => Users.updateOne(one, { $unset: { email: 1 } }),
    $rename: () => Users.updateOne(one, { $rename: { email: 'mail' } }, { strict: false }),
    pipeline: () => Users.updateOne(one, [{ $set: { email: null } }], { updatePipeline: true } as never),
    findOneAndUpdate: () => Users.findOneAndUpdate(one, { $unset: { email: 1 } }),
    updateMany: () => Users.updateMany({}, { $unset: { email: 1 } }),
    replaceOne: () => Users.replaceOne(one, without),
    bulkWrite: () => Users.bulkWrite([{ updateOne: { filter: one, update: { $unset: { email: 1 } } } }]),
    upsert: () => Users.updateOne({ _id: 'b' }, { $set: without }, { upsert: true }),
    enrich: () => Users.enrich('a', { email: '' }),
  };
  for (const [name, call] of Object.entries(calls)) {
    expect({ name, refused: await refusedFor(call) }).toEqual({ name, refused: { email: 'required' } });
  }
  await Users.updateOne(one, { name: 'Ana' });
  expect(await Users.findById('a').lean()).toMatchObject({ ...whole, name: 'Ana' });
});

test('all that is missing is told at once, within documents and lists too', async () => {
  expect(await refusedFor(() => Users.create({ _id: 'c', phones: [{ number: '1' }, {}], team: {} }))).toEqual({
    email: 'required',
    'phones.number': 'required',
    'team.lead': 'required',
  });
});

test('a version from before something was required is not restored, and stays readable', async () => {
  await headsOf(Users).insertOne({ _id: 'old', name: 'Old', ...whole, email: null } as never);
  await Users.updateOne({ _id: 'old' }, { email: 'o@x.z' });
  expect(await refusedFor(() => Users.restore('old', { ov: 0 }))).toEqual({ email: 'required' });
  expect((await Users.getVersion('old', 0))?.name).toBe('Old');
});

test('a write that changes nothing is not checked, and one refused write of several takes no other along', async () => {
  await headsOf(Users).insertOne({ _id: 'bare' } as never);
  expect(await Users.updateOne({ _id: 'bare' }, { $unset: { name: 1 } })).toMatchObject({ modifiedCount: 0 });
  await Users.create({ _id: 'd', ...whole });
  const writes = ['bare', 'd', 'a'].map((_id) => Users.updateOne({ _id }, { name: 'New' }).exec());
  const settled = await Promise.allSettled(writes);
  expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
});

test('models of one collection have to require the same', async () => {
  await modelOf('SameUser', ['email', 'team.lead', 'phones.number']).findOne();
  const Other = modelOf('OtherUser', ['email']);
  await expect(Other.findOne().exec()).rejects.toThrow(ConfigError);
  await expect(Other.findOne().exec()).rejects.toThrow(/required/);
});
