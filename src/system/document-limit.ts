/** The server's limit for one document. */
export const MAX_DOCUMENT_BYTES = 16_777_216;
