// Applies the plugin to the Mongoose of the checkout that mocha runs in, before a test file can compile a model.
const { createRequire } = require('node:module');
const { join, sep } = require('node:path');

const { chronos } = createRequire(join(process.env.CHRONOS_INSTALLED_IN, 'index.js'))('mongoose-chronos');
const mongoose = require(join(process.cwd(), 'index.js'));

const foreign = Object.keys(require.cache).filter(
  (file) => file.endsWith(join('mongoose', 'lib', 'mongoose.js')) && !file.startsWith(process.cwd() + sep),
);
if (foreign.length > 0) throw new Error(`The plugin loaded a Mongoose of its own: ${foreign.join(', ')}`);

mongoose.plugin(chronos);

// Tests that make a Mongoose of their own shall have the plugin too.
const Everywhere = new Proxy(mongoose.Mongoose, {
  construct: (target, args, newTarget) => Reflect.construct(target, args, newTarget).plugin(chronos),
});
mongoose.Mongoose.prototype.Mongoose = Everywhere;
mongoose.Mongoose = Everywhere;
