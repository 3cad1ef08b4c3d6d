/** The server's limit for one document. */
export const MAX_DOCUMENT_BYTES = 16_777_216;

/** `BSONObjectTooLarge`, and what an update says that would make one. */
const TOO_LARGE: readonly unknown[] = [10334, 17419, 17420];

/** Whether the server has refused a write for what would pass its limit. */
export function isTooLargeForServer(error: unknown): boolean {
  return TOO_LARGE.includes((error as { readonly code?: unknown } | null)?.code);
}
