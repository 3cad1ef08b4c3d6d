import { classChain, declarationsIn, isPart } from './class-chain.ts';
import { type AnyClass, declarationsOf, extensionsOf, type FieldDeclaration } from './metadata.ts';
import { classesOf, unwrapped } from './named-types.ts';
import { discriminatorValueOf, referencedBy } from './references.ts';

type Content = Readonly<Record<string, unknown>>;

const DEFAULT_KEY = '__t';

/** What tells the documents of the entities that extend an entity apart. */
export function discriminatorKeyOf(base: AnyClass): string {
  return declarationsOf(base)?.entity?.schemaOptions?.discriminatorKey ?? DEFAULT_KEY;
}

/** The class of a document among an entity and those that extend it. */
export function kindOf(entity: AnyClass, document: Content): AnyClass {
  const [root = entity] = classChain(entity).filter((each) => declarationsOf(each)?.entity !== undefined);
  const value = document[discriminatorKeyOf(root)];
  return extensionsOf(entity).find((each) => discriminatorValueOf(each) === value) ?? entity;
}

/** The class of an object in a property: the one it names or refers to, or that of its discriminators which is meant. */
export function kindIn(field: FieldDeclaration, content: Content): AnyClass | undefined {
  const { discriminators, reference } = field.options;
  const [entity] = referencedBy(reference);
  if (entity !== undefined) return kindOf(entity, content);
  const classes = classesOf({ ...field, options: { ...field.options, discriminators: undefined } });
  const declared = classes.find(isPart);
  if (declared === undefined || discriminators === undefined) return declared;
  const options = declarationsIn(classChain(declared)).map(({ embedded }) => embedded);
  const key = options.findLast((each) => each?.discriminatorKey !== undefined)?.discriminatorKey ?? DEFAULT_KEY;
  const kinds = unwrapped(discriminators) as Readonly<Record<string, unknown>>;
  return (unwrapped(kinds[String(content[key])]) as AnyClass | undefined) ?? declared;
}
