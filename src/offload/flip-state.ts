import type { mongo } from 'mongoose';

const VALIDATION_FAILED = 121;

type Flip = Pick<mongo.UpdateOptions, 'bypassDocumentValidation'>;

/**
 * Changes how far the payload of a row has come, which is no change of its document: a rule that the collection has for
 * its documents, and that asks for what has left MongoDB, does not stand in the way. It is only gone past where it has to
 * be, for that takes a permission of its own.
 */
export async function flipState<T>(flip: (options: Flip) => Promise<T>): Promise<T> {
  try {
    return await flip({});
  } catch (error) {
    if ((error as mongo.MongoServerError).code !== VALIDATION_FAILED) throw error;
    return flip({ bypassDocumentValidation: true });
  }
}
