// The program of entity.ts, by plain Mongoose.
import { type Connection, type HydratedDocument, type Model, Schema, type Types } from 'mongoose';

interface Address {
  street: string;
  zip?: string;
}

interface Team {
  name: string;
}

interface User {
  email: string;
  status?: string;
  age?: number;
  address?: Address;
  tags?: string[];
  team?: Types.ObjectId;
}

interface UserMethods {
  greet(): string;
}

type UserModel = Model<User, object, UserMethods>;

const addressSchema = new Schema<Address>({ street: String, zip: String });
const teamSchema = new Schema<Team>({ name: { type: String, required: true } });
const userSchema = new Schema<User, UserModel, UserMethods>({
  email: { type: String, required: true },
  status: String,
  age: Number,
  address: addressSchema,
  tags: [String],
  team: { type: Schema.Types.ObjectId, ref: 'Team' },
});
userSchema.method('greet', function () {
  return `Hello ${this.email}`;
});

export async function program(connection: Connection): Promise<unknown[]> {
  const Teams = connection.model<Team>('Team', teamSchema);
  const Users = connection.model<User, UserModel>('User', userSchema);
  const team = await Teams.create({ name: 'red' });
  const user: HydratedDocument<User, UserMethods> = await Users.create({ email: 'a@b.c', team: team._id });
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
