import { rm } from 'node:fs/promises';
import { serverCache } from './server-cache.ts';

await rm(serverCache(), { recursive: true, force: true });
console.log(`removed ${serverCache()}`);
