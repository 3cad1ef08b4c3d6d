import type { Schema } from 'mongoose';
import { expect, test } from 'vitest';
import { ChronosEntity, ChronosModel, Embedded, entityModel, Prop } from '../../decorators/index.ts';
import { chronos, versioned } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';

const mongoose = await testDatabase();

@Embedded({ _id: false })
class Part {
  @Prop() name!: string;
}

@ChronosEntity({ collection: 'machines' })
class Machine extends ChronosModel {
  @Prop({ required: true }) name!: string;
  @Prop({ type: [Part] }) parts!: Part[];
}

@ChronosEntity()
class Robot extends Machine {
  @Prop() arms?: number;
}

function stamped(schema: Schema): void {
  schema.add({ stamp: { type: String, default: 'stamped' } });
}

test('entities live beside plugins that are applied to all schemas, the own among them', async () => {
  mongoose.plugin(chronos);
  mongoose.plugin(stamped);
  const Notes = versioned(mongoose.model('Note', new mongoose.Schema({ text: String })));
  const [Machines, Robots] = [entityModel(mongoose, Machine), entityModel(mongoose, Robot)];

  const machine = await Machines.create({ name: 'lathe', parts: [{ name: 'chuck' }] });
  machine.parts[0]!.name = 'spindle';
  await machine.save();
  const robot = await Robots.create({ name: 'R2', parts: [], arms: 2 });
  await Robots.updateOne({ _id: robot._id }, { arms: 3 });
  const note = await Notes.create({ text: 'a' });
  await Notes.updateOne({ _id: note._id }, { text: 'b' });

  expect(await Machines.history(machine._id)).toHaveLength(2);
  expect(await Robots.history(robot._id)).toHaveLength(2);
  expect(await Notes.history(note._id)).toHaveLength(2);
  const stamps = [await Machines.findOne().lean(), await Robots.findOne().lean(), await Notes.findOne().lean()];
  expect(stamps).toEqual(Array(3).fill(expect.objectContaining({ stamp: 'stamped' })));
  expect((await Machines.findById(machine._id).orFail())._system).toMatchObject({ ov: 1, cv: 1 });
  expect((await Robots.findById(robot._id).lean().orFail())._system).toMatchObject({ ov: 1, cv: 3 });
  expect((await Machines.findById(robot._id).orFail())._system).toMatchObject({ ov: 1 });
  expect(await Notes.findById(note._id).lean()).not.toHaveProperty('_system');
});
