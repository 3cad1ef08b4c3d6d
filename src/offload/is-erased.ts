import type { mongo } from 'mongoose';
import type { RawDocument } from '../types.ts';
import type { Row } from './row.ts';
import type { Offloading } from './upload-row.ts';

/** Whether a version was erased, and with it all that may have referred to its objects: a proof after it says so. */
export async function isErased({ versions }: Pick<Offloading, 'versions'>, { id, system }: Row): Promise<boolean> {
  const proof = { '_id.id': id, '_id.ov': { $gt: system.ov }, '_system.op': 'ERASE' } as mongo.Filter<RawDocument>;
  return (await versions.findOne(proof, { projection: { _id: 1 }, readPreference: 'primary' })) !== null;
}
