/** Options of a write outside of a transaction: it is not undone when another member of the replica set takes over. */
export const MAJORITY = { writeConcern: { w: 'majority' } } as const;
