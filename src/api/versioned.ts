import type { Model } from 'mongoose';
import { ConfigError } from '../errors.ts';
import { isVersioned } from './install-api.ts';
import type { ChronosModelType } from './model-type.ts';

/**
 * Returns the very model it is given, with the types of what the plugin added to it. For models whose types Mongoose
 * infers from the schema; where they are written out, `ChronosModelType` does the same.
 *
 * @example
 * const User = versioned(mongoose.model('User', schema));
 * await User.asOf('2026-01-01T00:00:00Z').find({ status: 'active' });
 *
 * @throws ConfigError if the model's schema does not have the plugin
 */
export function versioned<T, QueryHelpers, Methods, Virtuals, Hydrated, S>(
  model: Model<T, QueryHelpers, Methods, Virtuals, Hydrated, S>,
): ChronosModelType<T, QueryHelpers, Methods, Virtuals> {
  if (isVersioned(model)) return model as unknown as ChronosModelType<T, QueryHelpers, Methods, Virtuals>;
  throw new ConfigError({
    message: `Cannot use ${model.modelName} as a versioned model: its schema does not have the plugin. Call schema.plugin(chronos) before mongoose.model()`,
  });
}
