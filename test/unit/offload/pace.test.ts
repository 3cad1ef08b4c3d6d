import { describe, expect, it } from 'vitest';
import { Pace, SharedThread } from '../../../src/offload/pace.ts';

/** A thread whose time passes when it is told to. */
function threadOf(utilization: number) {
  const state = { now: 0, utilization };
  const thread = new SharedThread({ now: () => state.now, utilization: () => state.utilization });
  return { state, thread };
}

describe('the pace of uploads', () => {
  it.each([
    ['a thirtieth of the time of a thread that writers keep busy', 1, 0.03],
    ['a tenth of the time of a thread that is idle now and then', 0.2, 0.1],
  ])('is %s', (_, utilization, share) => {
    const { state, thread } = threadOf(utilization);
    state.now = 1_000;
    let uploads = 0;
    for (const end = state.now + 10_000; state.now < end; uploads += 1) {
      thread.wrote();
      state.now += thread.waitMs();
      thread.begins();
      thread.took(2);
    }
    expect((uploads * 5.5) / 10_000).toBeCloseTo(share, 2);
  });

  it('is free once nobody writes any more', () => {
    const { state, thread } = threadOf(1);
    thread.wrote();
    thread.begins();
    expect(thread.waitMs()).toBeGreaterThan(0);
    state.now = 501;
    expect(thread.waitMs()).toBe(0);
  });

  it('is free for whoever is in a hurry, at once', async () => {
    const { thread } = threadOf(1);
    const pace = new Pace(thread);
    pace.wrote();
    await pace.turn();
    const waiting = pace.turn();
    pace.hurry(true);
    await waiting;
    await pace.turn();
  });

  it('is free where half a minute was not enough, until all is stored once', async () => {
    const { state, thread } = threadOf(1);
    const pace = new Pace(thread);
    pace.starts();
    state.now = 30_000;
    pace.wrote();
    expect(thread.isYielding).toBe(true);
    expect(pace.isYielding).toBe(false);
    await pace.turn();
    await pace.turn();
    pace.starts();
    expect(pace.isYielding).toBe(true);
  });

  it('does not stop for long after an upload during which the process was stopped', () => {
    const { thread } = threadOf(1);
    thread.wrote();
    thread.begins();
    thread.took(3_600_000);
    expect(thread.waitMs()).toBe(10_000);
  });

  it('is free for uploads that writes wait for, whoever else writes', async () => {
    const { thread } = threadOf(1);
    const awaited = new Pace(thread);
    awaited.hurry(true);
    new Pace(thread).wrote();
    await awaited.turn();
    await awaited.turn();
  });

  it('counts the uploads of all collections together', () => {
    const { thread } = threadOf(1);
    const [one, other] = [new Pace(thread), new Pace(thread)];
    one.wrote();
    void other.turn();
    expect(thread.waitMs()).toBeGreaterThan(0);
  });
});
