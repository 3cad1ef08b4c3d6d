import { test } from 'vitest';
import { MemoryPayloadStore } from '../../src/payload/stores/memory-payload-store.ts';
import { testPayloadStore } from '../../src/testing.ts';

testPayloadStore({ test, create: () => new MemoryPayloadStore() });
