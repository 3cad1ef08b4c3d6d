/** A write was prepared for another document than it meets. Nothing was written. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}
