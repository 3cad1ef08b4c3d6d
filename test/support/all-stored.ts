import type { Mongoose } from 'mongoose';

/** All documents of all collections of the database, as they are stored, in an order of their own. */
export async function allStored(mongoose: Mongoose): Promise<Buffer[]> {
  const { db } = mongoose.connection;
  const collections = (await db!.listCollections().toArray()).filter(({ type }) => type === 'collection');
  const rows: Buffer[] = [];
  for (const { name } of collections.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const documents = db!.collection(name).find({}, { sort: { _id: 1 }, raw: true });
    for await (const bytes of documents) rows.push(Buffer.from(bytes as unknown as Uint8Array));
  }
  return rows;
}

export function whereFound(text: string, rows: readonly Buffer[]): boolean {
  return rows.some((row) => row.includes(text));
}
