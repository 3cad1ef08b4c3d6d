// Four kinds of tenants, and one code for all of them.
import { bill, forRequest, Invoice, open, openAt, pay, signUp } from './app.ts';

const main = process.env.MONGODB_URI ?? 'mongodb://127.0.0.1:27017/?replicaSet=rs0';
const chronos = open({ name: 'saas', main, east: main, west: main, globex: main });

await signUp('acme', 'business');
await signUp('initech', 'team');
await signUp('hooli', 'free');
await signUp('piedpiper', 'free');

for (const tenant of ['acme', 'initech', 'hooli', 'piedpiper', 'globex']) {
  await forRequest(chronos, tenant, 'ana', async () => {
    await bill(chronos, '2026-001', 100);
    await bill(chronos, '2026-002', 50);
    const before = new Date();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await pay(chronos, '2026-001');
    const { db } = chronos.model(Invoice);
    console.log(
      `${tenant} in ${db.name}: open ${await openAt(chronos, new Date())}, before ${await openAt(chronos, before)}`,
    );
  });
}

await forRequest(chronos, 'umbrella', 'eve', async () => console.log('never reached')).catch(({ message }: Error) => {
  console.log(message);
});

await chronos.close();
