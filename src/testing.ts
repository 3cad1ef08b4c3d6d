export { type PayloadStoreSuite, testPayloadStore } from './payload/conformance/test-payload-store.ts';
