import type { HydratedDocument, Model, Mongoose, Schema } from 'mongoose';
import type { ChronosPluginOptions } from '../../src/index.ts';

/** 15 fields, nested and in arrays, of about 1 KB of BSON. */
export interface Order {
  number: string;
  title: string;
  description: string;
  status: string;
  priority: number;
  score: number;
  active: boolean;
  visits: number;
  dueAt: Date;
  tags: string[];
  address: { street: string; city: string; zip: string; geo: { lat: number; lng: number } };
  lines: { product: string; quantity: number; price: number }[];
  contacts: { kind: string; value: string }[];
  preferences: { language: string; currency: string; newsletter: boolean };
  history: number[];
}

export type OrderModel = Model<Order>;
export type OrderDocument = HydratedDocument<Order>;

/** A plugin as a schema takes it: ours, or another. */
export type Plugin = (schema: Schema, options?: ChronosPluginOptions) => void;

export interface ModelOptions {
  readonly plugin?: Plugin | undefined;
  readonly collectionVersion?: boolean;
  readonly indexes?: readonly Readonly<Record<string, 1 | -1>>[];
  readonly uniqueNumber?: boolean;
}

/** The model under measurement: with the plugin it is ours, without it is plain Mongoose. */
export async function orderModel(mongoose: Mongoose, options: ModelOptions = {}): Promise<OrderModel> {
  const { plugin, indexes = [], collectionVersion = false, uniqueNumber = false } = options;
  const schema = new mongoose.Schema<Order>(
    {
      number: { type: String, required: true },
      title: { type: String, required: true, trim: true },
      description: String,
      status: { type: String, enum: ['open', 'paid', 'sent', 'queued', 'taken'], default: 'open' },
      priority: { type: Number, min: 0 },
      score: { type: Number, default: 0 },
      active: Boolean,
      visits: { type: Number, default: 0 },
      dueAt: Date,
      tags: [String],
      address: { street: String, city: String, zip: String, geo: { lat: Number, lng: Number } },
      lines: [{ _id: false, product: String, quantity: Number, price: Number }],
      contacts: [{ _id: false, kind: String, value: String }],
      preferences: { language: String, currency: String, newsletter: Boolean },
      history: [Number],
    },
    { autoIndex: false },
  );
  for (const keys of indexes) schema.index(keys);
  if (uniqueNumber) schema.index({ number: 1 }, { unique: true });
  if (plugin !== undefined) schema.plugin(plugin, collectionVersion ? { collectionVersion } : {});
  const model = mongoose.model<Order>('Order', schema, 'orders');
  await model.createCollection();
  await model.syncIndexes();
  return model;
}

export function order(n: number): Order {
  return {
    number: `2026-${String(n).padStart(8, '0')}`,
    title: `Order ${n} of ordinary goods`,
    description: `${DESCRIPTION} ${n}`,
    status: (['open', 'paid', 'sent'] as const)[n % 3] ?? 'open',
    priority: n % 100,
    score: 0,
    active: true,
    visits: 0,
    dueAt: new Date(1_767_225_600_000 + n * 60_000),
    tags: ['retail', 'web', `segment-${n % 20}`, `week-${n % 52}`],
    address: { street: `${n % 200} Main Street`, city: 'Springfield', zip: '12345', geo: { lat: 12.5, lng: n % 90 } },
    lines: Array.from({ length: 4 }, (_, i) => ({ product: `product-${(n + i) % 500}`, quantity: i + 1, price: 9.5 })),
    contacts: [
      { kind: 'email', value: `customer-${n}@example.com` },
      { kind: 'phone', value: '+1 555 0100' },
    ],
    preferences: { language: 'en', currency: 'EUR', newsletter: n % 2 === 0 },
    history: [1, 2, 3, 5, 8, 13],
  };
}

const DESCRIPTION =
  'To be delivered on a working day, to the side entrance, after a call an hour ahead. ' +
  'The parcels go to the second floor; old packaging is taken back. Ask for a signature';

/** Fills a collection below Mongoose, where casting would take most of the time. Versioned all the same. */
export async function insertOrders(model: OrderModel, count: number, change: Partial<Order> = {}): Promise<unknown[]> {
  const ids: unknown[] = [];
  for (let start = 0; start < count; start += BATCH) {
    const size = Math.min(BATCH, count - start);
    const documents = Array.from({ length: size }, (_, i) => ({ ...order(start + i), ...change }));
    const { insertedIds } = await model.collection.insertMany(documents as never[]);
    ids.push(...Object.values(insertedIds));
  }
  return ids;
}

const BATCH = 2_000;
