// What Mongoose 9 says of filters; Mongoose 8 takes any value there.
import type { Connection } from 'mongoose';
import { test } from 'vitest';
import { ChronosEntity, ChronosModel, entityModel, Prop } from '../../decorators/index.ts';

@ChronosEntity()
class User extends ChronosModel {
  @Prop() email!: string;
  @Prop() age?: number;
}

declare const connection: Connection;
const Users = entityModel(connection, User);

test('filters take values of the type of their property', async () => {
  await Users.find({ email: 'a@b.c', age: { $gt: 3 } });
  // @ts-expect-error: an email is a string
  await Users.find({ email: 5 });
  // @ts-expect-error: an age is a number
  await Users.findOne({ age: { $gt: 'x' } });
  // @ts-expect-error: an age is a number
  await Users.countDocuments({ $or: [{ age: 'x' }] });
});
