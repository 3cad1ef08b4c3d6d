import type { CounterRuleConfig } from '../config/chronos-config.ts';
import { type CountingRule, countingRule, refused } from '../counters/counting-rule.ts';
import { ConfigError } from '../errors.ts';
import { isPlainObject } from '../plain-object.ts';
import type { RawDocument } from '../types.ts';
import { checkedFilter } from './checked-filter.ts';

/**
 * The rules of a configuration, ready to count by.
 *
 * @throws ConfigError for a condition that does anything else than compare the values of fields
 */
export function countingRules(rules: readonly CounterRuleConfig[]): CountingRule[] {
  return rules.map((rule) => countingRule(rule, conditionOf(rule)));
}

function conditionOf({ name, when }: CounterRuleConfig): RawDocument {
  try {
    const checked = checkedFilter(when);
    requirePatterns(checked);
    return checked;
  } catch (error) {
    if (error instanceof ConfigError || error instanceof SyntaxError) throw refused(name, error.message);
    throw error;
  }
}

/** The server would tell of a pattern that is none only when there is something to count. */
function requirePatterns(condition: unknown): void {
  if (Array.isArray(condition)) condition.forEach(requirePatterns);
  if (!isPlainObject(condition)) return;
  for (const [key, value] of Object.entries(condition)) {
    if (key === '$regex' && typeof value === 'string') new RegExp(value);
    else requirePatterns(value);
  }
}
