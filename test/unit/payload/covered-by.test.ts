import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { coveredBy, filterPaths, projectionPaths, uncovered, WHOLE_DOCUMENT } from '../../../src/payload/covered-by.ts';
import { payloadMap } from '../../../src/payload/payload-map.ts';

const map = payloadMap({
  indexed: ['name', 'profile', 'items.sku'],
  base64: { 'profile.photo': { contentType: 'image/png' } },
});
const all = payloadMap({ base64: { photo: { contentType: 'image/png' } } });

describe('coveredBy', () => {
  it.each([
    ['name', true],
    ['name.first', true],
    ['nam', false],
    ['names', false],
    ['items.sku', true],
    ['items.sku.part', true],
    ['items', false],
    ['items.0.sku', false],
    ['items.price', false],
    ['profile.city', true],
    ['profile.photo', false],
    ['profile', false],
    ['_id', true],
    ['_id.t', true],
    ['_system.ov', true],
    [WHOLE_DOCUMENT, false],
  ])('says of %j: %j', (path, covered) => {
    expect(coveredBy(map, [path])).toBe(covered);
  });

  it('covers all but the blobs where no paths are named', () => {
    expect(uncovered(all, ['anything', 'photo', WHOLE_DOCUMENT])).toEqual(['photo', WHOLE_DOCUMENT]);
    expect(coveredBy(payloadMap({}), [WHOLE_DOCUMENT])).toBe(true);
  });
});

describe('the paths of a query', () => {
  it.each([
    [{}, []],
    [{ a: 1, 'b.c': /x/, d: new Date(0), e: null, f: {} }, ['a', 'b.c', 'd', 'e', 'f']],
    [{ a: { $gt: 1, $lt: 2 }, b: { $not: { $in: [1] } } }, ['a', 'b']],
    [{ $and: [{ a: 1 }, { $or: [{ b: 1 }, { $nor: [{ c: 1 }] }] }] }, ['a', 'b', 'c']],
    [{ items: { $elemMatch: { sku: 'a', $or: [{ n: 1 }, { 'm.o': 2 }] } } }, ['items.sku', 'items.n', 'items.m.o']],
    [{ items: { $not: { $elemMatch: { sku: 'a' } } } }, ['items.sku']],
    [{ tags: { $elemMatch: { $gt: 1 } } }, ['tags']],
    [{ items: { $elemMatch: { $where: 'x' } } }, ['items']],
    [{ items: { $elemMatch: {} } }, ['items']],
    [{ address: { city: 'x' } }, ['address']],
    [{ $expr: { $eq: ['$a', 1] } }, [WHOLE_DOCUMENT]],
    [{ $text: { $search: 'a' } }, [WHOLE_DOCUMENT]],
    [{ $comment: 'a', a: 1 }, ['a']],
    [{ _id: new mongoose.Types.ObjectId() }, ['_id']],
  ])('are found in the filter %j', (filter, paths) => {
    expect(filterPaths(filter)).toEqual(paths);
  });

  it.each([
    [{}, [WHOLE_DOCUMENT]],
    [{ a: 1, b: true, _id: 0 }, ['a', 'b']],
    [{ _id: 1 }, ['_id']],
    [{ _id: 0 }, [WHOLE_DOCUMENT]],
    [{ a: 0 }, [WHOLE_DOCUMENT]],
    [{ a: 1, b: { $slice: 1 } }, [WHOLE_DOCUMENT]],
    [{ a: '$b' }, [WHOLE_DOCUMENT]],
  ])('are found in the projection %j', (projection, paths) => {
    expect(projectionPaths(projection)).toEqual(paths);
  });
});
