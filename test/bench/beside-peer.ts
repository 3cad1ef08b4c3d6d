import type { Mongoose } from 'mongoose';
import { type LoadedPeer, loadPeer, type Peer, PeerUnavailableError, type Subject } from '../support/peers.ts';
import type { Bench } from './bench-case.ts';
import { type OrderModel, orderModel } from './documents.ts';

export const ORDERS: Subject = {
  collection: 'orders',
  fields: [
    ...['number', 'title', 'description', 'status', 'priority', 'score', 'active', 'visits', 'dueAt'].map(plainField),
    ...['address.street', 'address.city', 'address.zip', 'address.geo.lat', 'address.geo.lng'].map(plainField),
    ...['preferences.language', 'preferences.currency', 'preferences.newsletter'].map(plainField),
    { value: 'tags', arrayType: 'simple' },
    { value: 'history', arrayType: 'simple' },
    { value: 'lines', arrayType: 'custom-key', arrayKey: 'product', trackedFields: [{ value: 'quantity' }] },
    { value: 'contacts', arrayType: 'custom-key', arrayKey: 'kind', trackedFields: [{ value: 'value' }] },
  ],
};

function plainField(value: string): { value: string } {
  return { value };
}

/** The same model on plain Mongoose and with the peer, both of the version that the peer works with. */
export interface BesidePeer {
  /** Mongoose of the plain one, and the way to the server. */
  readonly mongoose: Mongoose;
  readonly plain: OrderModel;
  readonly theirs: OrderModel;
}

/** Nothing, and a note of it, where the peer cannot be had. */
export async function besidePeer(bench: Bench, peer: Peer, uri?: string): Promise<BesidePeer | undefined> {
  let loaded: LoadedPeer;
  try {
    loaded = await loadPeer(peer);
  } catch (error) {
    if (!(error instanceof PeerUnavailableError)) throw error;
    bench.note(error.message);
    return undefined;
  }
  const { mongoose: from, pluginFor } = loaded;
  const where = uri === undefined ? {} : { uri };
  const mongoose = await bench.connect({ ...where, from });
  const plain = await orderModel(mongoose);
  // They keep their history with the one Mongoose that they know.
  await bench.connect({ ...where, from, itself: true });
  from.deleteModel(/^Order/);
  const theirs = await orderModel(from, { plugin: pluginFor(ORDERS) });
  await from.syncIndexes();
  return { mongoose, plain, theirs };
}
