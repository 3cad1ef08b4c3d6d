/** An S3-compatible service, and how to use it. */
export interface S3Options {
  /**
   * Its URL, without a bucket: `https://nyc3.digitaloceanspaces.com`, `https://<account>.r2.cloudflarestorage.com`,
   * `http://127.0.0.1:9000`.
   * @default that of AWS in the region
   */
  readonly endpoint?: string | undefined;
  /** Such as `eu-central-1` for AWS, `nyc3` for DigitalOcean, `auto` for Cloudflare R2. */
  readonly region: string;
  /** With `secretKey`. @default what the AWS SDK finds: environment, profile, role */
  readonly accessKey?: string | undefined;
  readonly secretKey?: string | undefined;
  /** Puts the bucket into the path instead of the host name, as MinIO wants it. @default false */
  readonly forcePathStyle?: boolean | undefined;
  /** Has the service encrypt what is stored. */
  readonly encryption?:
    | { readonly algorithm: 'AES256' }
    | { readonly algorithm: 'aws:kms'; readonly keyId?: string | undefined }
    | undefined;
  /** Tags of every object, for rules of its life cycle. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Objects above this are uploaded in parts of this size, in bytes: at least 5 MiB. @default 8 MiB */
  readonly partSize?: number | undefined;
  /** The longest that an attempt may go without an answer or progress, in milliseconds. @default 10000 */
  readonly timeoutMs?: number | undefined;
  /** How often a request is tried. @default 5 */
  readonly attempts?: number | undefined;
}
