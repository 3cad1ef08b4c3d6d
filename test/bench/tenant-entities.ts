import { ChronosEntity, ChronosModel, type EntityClass, Prop } from '../../decorators/index.ts';

/** What the tenants of the bench have: five collections, of which each has an index to search by. */
@ChronosEntity({ collection: 'users', indexed: ['email'] })
export class User extends ChronosModel {
  @Prop({ required: true }) email!: string;
  @Prop() name?: string;
  @Prop() status?: string;
}

@ChronosEntity({ collection: 'orders', indexed: ['email'] })
class Order extends ChronosModel {
  @Prop() email?: string;
  @Prop() total?: number;
  @Prop() placed?: Date;
}

@ChronosEntity({ collection: 'invoices', indexed: ['email'] })
class Invoice extends ChronosModel {
  @Prop() email?: string;
  @Prop() amount?: number;
  @Prop() due?: Date;
}

@ChronosEntity({ collection: 'products', indexed: ['email'] })
class Product extends ChronosModel {
  @Prop() email?: string;
  @Prop() name?: string;
  @Prop() price?: number;
}

@ChronosEntity({ collection: 'tickets', indexed: ['email'] })
class Ticket extends ChronosModel {
  @Prop() email?: string;
  @Prop() subject?: string;
  @Prop() open?: boolean;
}

export const ENTITIES: readonly (EntityClass & typeof User)[] = [
  User,
  Order,
  Invoice,
  Product,
  Ticket,
] as unknown as (typeof User)[];

/** The same as plain Mongoose schemas. */
export const PLAIN_FIELDS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  users: { email: { type: String, required: true, index: true }, name: String, status: String },
  orders: { email: { type: String, index: true }, total: Number, placed: Date },
  invoices: { email: { type: String, index: true }, amount: Number, due: Date },
  products: { email: { type: String, index: true }, name: String, price: Number },
  tickets: { email: { type: String, index: true }, subject: String, open: Boolean },
};
