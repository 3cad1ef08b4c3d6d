// A mocha reporter that writes a line of JSON for each finished test, so that a run that dies still tells what it did.
const { openSync, writeSync } = require('node:fs');
const { relative, sep } = require('node:path');

const STACK_LINES = 12;

module.exports = class Recorder {
  constructor(runner, { reporterOptions }) {
    const output = openSync(reporterOptions.output, 'w');
    const ids = new Map();
    const write = (line) => writeSync(output, `${JSON.stringify(line)}\n`);
    const on = (state) => (test, error) => {
      if (!ids.has(test)) ids.set(test, ids.size);
      write({
        state,
        id: ids.get(test),
        file: fileOf(test),
        title: test.titlePath().join(' > '),
        isHook: test.type === 'hook',
        error: error && describe(error),
      });
    };
    runner.on('pass', on('passed'));
    runner.on('fail', on('failed'));
    runner.on('pending', on('pending'));
    runner.on('end', () => write({ state: 'end' }));
  }
};

function fileOf(test) {
  let owner = test;
  while (owner !== undefined && !owner.file) owner = owner.parent;
  return owner === undefined ? '' : relative(process.cwd(), owner.file).split(sep).join('/');
}

function describe(error) {
  const lines = String(error.stack ?? error.message ?? error).split('\n');
  const isOurs = (line) => !/^\s+at .*(node:internal|node_modules.mocha)/.test(line);
  return lines.filter(isOurs).slice(0, STACK_LINES).join('\n');
}
