import type { ResolvedPayload } from '../config/options.ts';

const PAYLOAD = Symbol('chronos payload');

/** Says where payloads are kept that are written through a connection, for models that do not say it themselves. */
export function keepPayloads(connection: object, payload: ResolvedPayload): void {
  Object.defineProperty(connection, PAYLOAD, { value: payload });
}

export function payloadThrough(connection: object): ResolvedPayload | undefined {
  return (connection as { readonly [PAYLOAD]?: ResolvedPayload })[PAYLOAD];
}
