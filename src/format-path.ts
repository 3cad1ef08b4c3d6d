/** Keys of documents and positions in arrays, from the root down. */
export type Path = readonly (string | number)[];

const SIMPLE_NAME = /^[^.[\]"]+$/;

/** A path for people: `items[0].price`, `prices["10.5"]`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (!SIMPLE_NAME.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}
