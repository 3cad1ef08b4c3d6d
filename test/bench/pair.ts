import type { Mongoose } from 'mongoose';
import type { Bench } from './bench-case.ts';
import { type ModelOptions, type OrderModel, orderModel } from './documents.ts';

/** The same model twice: on plain Mongoose, and on one with the plugin. */
export interface Pair {
  /** Mongoose of the plain one, and the way to the server. */
  readonly mongoose: Mongoose;
  readonly plain: OrderModel;
  readonly ours: OrderModel;
}

export async function pairOf(bench: Bench, options: Omit<ModelOptions, 'plugin'> = {}, uri?: string): Promise<Pair> {
  const where = uri === undefined ? {} : { uri };
  const mongoose = await bench.connect(where);
  const { collectionVersion: _, ...plainOptions } = options;
  const plain = await orderModel(mongoose, plainOptions);
  const ours = await orderModel(await bench.connect(where), { ...options, plugin: bench.chronos });
  return { mongoose, plain, ours };
}

/** The version records of one of our models, seen past the library. */
export function countVersions(model: OrderModel): Promise<number> {
  const db = model.db.db;
  if (db === undefined) throw new Error('Not connected');
  return db.collection(`${model.collection.name}_ver`).countDocuments();
}
