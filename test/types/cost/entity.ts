// The program of plain.ts, by entities.
import type { Connection, Types } from 'mongoose';
import { ChronosEntity, ChronosModel, type EntityDocument, entityModel, Prop, Ref } from '../../../decorators/index.ts';

class Address {
  @Prop() street!: string;
  @Prop() zip?: string;
}

@ChronosEntity({ collection: 'teams' })
class Team extends ChronosModel {
  @Prop({ required: true }) name!: string;
}

@ChronosEntity({ collection: 'users' })
class User extends ChronosModel {
  @Prop({ required: true }) email!: string;
  @Prop() status?: string;
  @Prop() age?: number;
  @Prop() address?: Address;
  @Prop({ type: [String] }) tags?: string[];
  @Ref(() => Team) team?: Types.ObjectId;

  greet(): string {
    return `Hello ${this.email}`;
  }
}

export async function program(connection: Connection): Promise<unknown[]> {
  const Teams = entityModel(connection, Team);
  const Users = entityModel(connection, User);
  const team = await Teams.create({ name: 'red' });
  const user: EntityDocument<typeof User> = await Users.create({ email: 'a@b.c', team: team._id });
  user.age = 3;
  await user.save();
  await Users.updateOne({ _id: user._id }, { $set: { status: 'away' }, $inc: { age: 1 } });
  await Users.findOneAndUpdate({ email: 'a@b.c' }, { age: 3 }, { returnDocument: 'after' });
  const found = await Users.find({ email: 'a@b.c', 'address.street': 'x', age: { $gt: 3 } })
    .sort('email')
    .limit(3);
  const lean = await Users.findOne({ status: 'away' }).lean().orFail();
  const populated = await Users.findOne().populate<{ team: Team }>('team').orFail();
  const counts = await Users.aggregate<{ n: number }>([{ $match: { age: 1 } }, { $count: 'n' }]);
  await Users.deleteMany({ age: 3 });
  return [user.greet(), found[0]?.address?.street, lean.email, populated.team.name, counts[0]?.n];
}
