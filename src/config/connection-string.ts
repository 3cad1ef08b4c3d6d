/** The parts that the driver tells apart: https://www.mongodb.com/docs/manual/reference/connection-string/ */
const CONNECTION_STRING = /^mongodb(?:\+srv)?:\/\/(?:[^:@]*(?::[^@]*)?@)?(?<hosts>[^/?@]+)(?:[/?].*)?$/s;
const HOST = /^(?:[^\s:[\]]+|\[[\da-f:.%]+\])(?::\d{1,5})?$/i;

/**
 * The hosts of a connection string, and nothing else of it: any other part may be a secret. None where it cannot be
 * told, as with a password that is not percent-encoded.
 */
export function hostsOf(mongoUri: string): string[] {
  const hosts = CONNECTION_STRING.exec(mongoUri)?.groups?.hosts?.split(',') ?? [];
  return hosts.every((host) => HOST.test(host)) ? hosts : [];
}
