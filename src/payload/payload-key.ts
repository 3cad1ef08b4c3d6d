import { canonicalKey } from '../bson/canonical-key.ts';
import { kindOf, opaque } from '../bson/kind.ts';
import { canonicalNumber } from '../bson/number.ts';
import { binaryOf, objectIdOf, textOf } from '../bson/parts.ts';
import { sha256 } from './digest.ts';
import { bounded, keySegment } from './key-segment.ts';

/**
 * Where objects are kept, in the buckets for JSON and for content:
 *
 *     <prefix>/<collection>/[<tenant>/]<id>/[<incarnation>/]v<ov>/item.json
 *     <prefix>/<collection>/[<tenant>/]<id>/[<incarnation>/]v<ov>/<property>/[<opId>/]blob.bin
 *     <prefix>/<collection>/[<tenant>/]<id>/[<incarnation>/]v<ov>/<property>/[<opId>/]text.txt
 *
 *     runtime-a/users/507f1f77bcf86cd799439011/v3/item.json
 *     runtime-a/invoices/acme/s.2026-0117/v0/pdf/blob.bin
 *
 * Two keys are the same exactly if all that they are made of is the same, ids as the server compares them.
 */
export interface ItemAddress {
  /** The key of the configured database, or its name. */
  readonly prefix: string;
  readonly collection: string;
  readonly tenant?: string | undefined;
  /** The `_id` of the document. */
  readonly id: unknown;
  /**
   * 8 to 32 lower-case hexadecimal digits, drawn when the document was inserted. They keep apart what shares all the
   * rest: two clusters with equal names in one bucket, or a document and the one erased before it.
   */
  readonly incarnation?: string | undefined;
}

/** A version of a document. */
export interface VersionAddress extends ItemAddress {
  readonly ov: number;
}

/** A property that is kept as an object of its own. */
export interface BlobAddress extends VersionAddress {
  /** The keys that lead to it, indexes of lists among them: `['files', '0', 'data']`. */
  readonly path: readonly string[];
  /** The operation, where the object was stored before its version was certain. */
  readonly opId?: string | undefined;
}

/** The keys of a blob and of its text. */
export interface BlobKeys {
  readonly blobKey: string;
  readonly textKey: string;
}

/** The key of a version's JSON. */
export function itemKey(address: VersionAddress): string {
  return `${versionPrefix(address)}item.json`;
}

export function blobKeys(address: BlobAddress): BlobKeys {
  const operation = address.opId === undefined ? '' : `${keySegment(address.opId)}/`;
  const folder = `${versionPrefix(address)}${propertySegment(address.path)}/${operation}`;
  return { blobKey: `${folder}blob.bin`, textKey: `${folder}text.txt` };
}

/** What all keys of a version begin with. */
function versionPrefix(address: VersionAddress): string {
  if (!Number.isSafeInteger(address.ov) || address.ov < 0) throw new RangeError(`ov is ${address.ov}`);
  return `${itemPrefix(address)}${incarnationSegment(address.incarnation)}v${address.ov}/`;
}

/** What all keys of a document begin with, whatever their version and incarnation, and those of no other document. */
export function itemPrefix(address: Omit<ItemAddress, 'incarnation'>): string {
  return `${collectionPrefix(address)}${idSegment(address.id)}/`;
}

/** What all keys of a collection begin with; with a tenant, those of the tenant. */
export function collectionPrefix(address: Omit<ItemAddress, 'id' | 'incarnation'>): string {
  const tenant = address.tenant === undefined ? '' : `${tenantSegment(address.tenant)}/`;
  return `${keySegment(address.prefix)}/${keySegment(address.collection)}/${tenant}`;
}

/**
 * Where it is kept whose objects a collection's are: beside those of all collections, for no collection is called so.
 *
 *     runtime-a/!owner/users/owner.json
 *     runtime-a/!owner/invoices/acme/owner.json
 */
export function ownerKey({ prefix, collection, tenant }: Omit<ItemAddress, 'id' | 'incarnation'>): string {
  const own = tenant === undefined ? '' : `${tenantSegment(tenant)}/`;
  return `${keySegment(prefix)}/!owner/${keySegment(collection)}/${own}owner.json`;
}

const PAYLOAD_KEY =
  /^(?:[0-9a-f]{24}|[^/]*\.[^/]*)\/(?:[0-9a-f]{8,32}\/)?v\d+\/(?:item\.json|[^/]+\/(?:[^/]+\/)?(?:blob\.bin|text\.txt))$/;

/**
 * Whether what stands behind the prefix of a collection makes it the key of an object of one of its documents, and not
 * one of a tenant, whose segment is never taken for an id.
 */
export function isPayloadKey(rest: string): boolean {
  return PAYLOAD_KEY.test(rest);
}

/** What all keys of a collection's manifests begin with; with a tenant, those of the tenant. */
export function manifestPrefix({ prefix, collection, tenant }: Omit<ItemAddress, 'id' | 'incarnation'>): string {
  const own = tenant === undefined ? '' : `${tenantSegment(tenant)}/`;
  return `${keySegment(prefix)}/__manifests__/${keySegment(collection)}/${own}`;
}

/**
 * The key of a manifest, in the bucket for versions: `<prefix>/__manifests__/<collection>/[<tenant>/]2026/02/…`
 *
 * @param period the day on which its period begins: `2026-02-01`
 * @param name its own, of letters and digits
 */
export function manifestKey(address: Omit<ItemAddress, 'id' | 'incarnation'>, period: string, name: string): string {
  const [, year, month] = /^(.+)-(\d\d)-\d\d$/.exec(period) as unknown as [string, string, string];
  return `${manifestPrefix(address)}${year}/${month}/${period}-${name}.ndjson.gz`;
}

const MANIFEST_KEY = /^[^/]+\/\d\d\/[^/]+\.ndjson\.gz$/;

/** Whether what stands behind the prefix of a collection's manifests makes it the key of one, and not one of a tenant's. */
export function isManifestKey(rest: string): boolean {
  return MANIFEST_KEY.test(rest);
}

const INCARNATION = /^[0-9a-f]{8,32}$/;

function incarnationSegment(incarnation: string | undefined): string {
  if (incarnation === undefined) return '';
  if (!INCARNATION.test(incarnation)) throw new RangeError('An incarnation is 8 to 32 lower-case hexadecimal digits');
  return `${incarnation}/`;
}

/** A tenant is never taken for an id: an id is 24 hexadecimal digits, or has a dot. `!t` begins no other segment. */
function tenantSegment(tenant: string): string {
  const segment = bounded(withoutDots(tenant));
  return OBJECT_ID.test(segment) ? `!t${segment}` : segment;
}

const OBJECT_ID = /^[0-9a-f]{24}$/;

function withoutDots(text: string): string {
  return keySegment(text).replaceAll('.', '!2e');
}

function propertySegment(path: readonly string[]): string {
  return bounded(path.map(withoutDots).join('.'));
}

/**
 * An `_id` as a segment. Ids that the server holds equal have the same one, and no others:
 *
 *     ObjectId   507f1f77bcf86cd799439011        5, 5.0, Long 5   n.5
 *     '5'        s.5                             a UUID           u.0f8fad5bd9cb469fa16570867728950e
 *     any other  h.<sha256 of its canonical key>
 */
export function idSegment(id: unknown): string {
  switch (kindOf(id)) {
    case 'objectId':
      return objectIdOf(id);
    case 'number':
      return bounded(`n.${canonicalNumber(id)}`);
    case 'string':
      return opaque(id) === undefined ? bounded(`s.${keySegment(textOf(id))}`) : hashed(id);
    case 'binary':
      return uuidSegment(id) ?? hashed(id);
    default:
      return hashed(id);
  }
}

const UUID_SUBTYPE = 4;
const UUID_LENGTH = 16;

function uuidSegment(id: unknown): string | undefined {
  const { subtype, bytes } = binaryOf(id);
  if (subtype !== UUID_SUBTYPE || bytes.length !== UUID_LENGTH) return undefined;
  return `u.${Buffer.from(bytes).toString('hex')}`;
}

function hashed(id: unknown): string {
  return `h.${sha256(Buffer.from(canonicalKey(id), 'utf8'))}`;
}
