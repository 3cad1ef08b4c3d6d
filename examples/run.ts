// Runs the small examples one after the other on a server of their own.
import { startMongo } from '../test/support/servers.ts';

const EXAMPLES = [
  './existing-app.ts',
  './undo.ts',
  './invoices.ts',
  './express/run.ts',
  './nest/run.ts',
  './saas/run.ts',
];

const mongod = await startMongo();
process.env.MONGODB_URI = mongod.uri;
try {
  for (const example of EXAMPLES) {
    console.log(`\n${example}`);
    await import(example);
  }
} finally {
  await mongod.stop();
}
