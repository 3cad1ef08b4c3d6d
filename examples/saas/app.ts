// Invoices of a SaaS whose tenants live in four ways: on a cluster of their own, in a database of their own, in one that
// a hash puts on one of several clusters, or in collections that they share.
import { ChronosEntity, ChronosModel, Defaults, Prop } from '../../decorators/index.ts';
import { type Chronos, initChronos, runInChronosContext } from '../../src/index.ts';

/** Where tenants of a plan live: the keys of databases below. */
const PLANS = { business: 'own-database', team: 'spread', free: 'shared' } as const;

type Plan = keyof typeof PLANS;

/** Who our tenants are. They belong to nobody but us, and to all of the app. */
@ChronosEntity({ collection: 'customers', databaseType: 'metadata', tier: 'generic' })
export class Customer extends ChronosModel<string> {
  @Prop() declare _id: string;
  @Prop({ required: true, enum: Object.keys(PLANS) }) plan!: Plan;
}

@ChronosEntity({ collection: 'invoices', databaseType: 'runtime', tenantField: 'tenant', indexed: ['status'] })
export class Invoice extends ChronosModel {
  declare [Defaults]: 'status';

  @Prop({ required: true }) number!: string;
  @Prop({ required: true, min: 0 }) amount!: number;
  @Prop({ enum: ['open', 'paid'], default: 'open' }) status!: 'open' | 'paid';
}

interface Clusters {
  /** Begins the names of all databases. */
  readonly name: string;
  readonly main: string;
  readonly east: string;
  readonly west: string;
  readonly globex: string;
}

export function open({ name, main, east, west, globex }: Clusters): Chronos {
  return initChronos({
    mongoConns: Object.entries({ main, east, west, globex }).map(([key, mongoUri]) => ({ key, mongoUri })),
    databases: {
      metadata: [{ key: 'directory', mongoConnKey: 'main', dbName: `${name}_directory`, tier: 'generic' }],
      runtime: [
        { key: 'own-database', mongoConnKey: 'main', dbName: `${name}_business_{tenantId}`, tenantIds: [] },
        { key: 'spread', mongoConnKeys: ['east', 'west'], dbName: `${name}_team_{tenantId}`, tenantIds: [] },
        { key: 'shared', mongoConnKey: 'main', dbName: `${name}_free`, tenantIds: [] },
        { key: 'own-cluster', mongoConnKey: 'globex', dbName: `${name}_invoices`, tenantId: 'globex' },
      ],
    },
    // Asked once for each tenant that is not named above.
    resolveTenant: async (id) => {
      const customer = await Customer.generic().findById(id).lean();
      return customer === null ? null : { database: PLANS[customer.plan] };
    },
    entities: [Customer, Invoice],
  });
}

export async function signUp(tenant: string, plan: Plan): Promise<void> {
  await Customer.generic().create({ _id: tenant, plan });
}

/** What every request goes through: a tenant that there is not ends here, and no database is touched. */
export async function forRequest<R>(
  chronos: Chronos,
  tenant: string,
  actor: string,
  run: () => Promise<R>,
): Promise<R> {
  await chronos.tenants.resolve(tenant);
  return runInChronosContext({ tenant, actor }, run);
}

// The app's own code. It does not know where its tenant lives, nor who that is.
export async function bill(chronos: Chronos, number: string, amount: number) {
  return chronos.model(Invoice).create({ number, amount });
}

export async function pay(chronos: Chronos, number: string) {
  return chronos.model(Invoice).findOneAndUpdate({ number }, { status: 'paid' }).orFail();
}

/** What was open at an instant, as an auditor asks. */
export async function openAt(chronos: Chronos, at: Date): Promise<number> {
  const invoices = await chronos.model(Invoice).asOf(at).find({ status: 'open' }).lean();
  return invoices.reduce((sum, { amount }) => sum + amount, 0);
}
