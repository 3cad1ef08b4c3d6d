import type { mongo } from 'mongoose';
import type { RawDocument } from '../types.ts';

/** Has what is added to the pipeline of a cursor later, by `addStage` or a builder such as `out`, checked as well. */
export function checkLaterStages<C extends mongo.AggregationCursor>(cursor: C, check: (stage: RawDocument) => void): C {
  const { addStage } = cursor;
  cursor.addStage = (stage: mongo.Document) => {
    check(stage);
    return addStage.call(cursor, stage) as never;
  };
  return cursor;
}
