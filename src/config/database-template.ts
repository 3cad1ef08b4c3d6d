const PLACEHOLDER = '{tenantId}';

/** Whether a database's name is a template, from which each tenant's name is made. */
export function isTemplate(name: string): boolean {
  return name.includes('{') || name.includes('}');
}

/** What is wrong with a template; undefined where nothing is. */
export function problemOfTemplate(template: string): string | undefined {
  const parts = template.split(PLACEHOLDER);
  if (parts.length === 2 && !isTemplate(parts.join(''))) return undefined;
  return `must have ${PLACEHOLDER} exactly once, and no other placeholder`;
}

/**
 * The name a template makes for a tenant: `app_{tenantId}` makes `app_acme` for `acme`, and `app_+acme` for `Acme`.
 * The server takes names that differ only in case for the same, so capitals are written as `+` with the small letter;
 * no tenant's id has a `+`. So different tenants have different names.
 */
export function fillTemplate(template: string, tenantId: string): string {
  const [before = '', after = ''] = template.split(PLACEHOLDER);
  const small = tenantId.toLowerCase();
  const name = small === tenantId ? tenantId : tenantId.replace(/[A-Z]/g, (capital) => `+${capital.toLowerCase()}`);
  return before + name + after;
}

/** Whether some tenant's name by one template could be that of another by a different template, or a fixed name. */
export function mayCollide(one: string, another: string): boolean {
  const [a, b] = [one.toLowerCase(), another.toLowerCase()];
  const [beforeA, afterA] = halves(a);
  const [beforeB, afterB] = halves(b);
  if (afterA === undefined && afterB === undefined) return a === b;
  if (afterB === undefined) return fits(b, beforeA, afterA as string);
  if (afterA === undefined) return fits(a, beforeB, afterB);
  return (
    (beforeA.startsWith(beforeB) || beforeB.startsWith(beforeA)) && (afterA.endsWith(afterB) || afterB.endsWith(afterA))
  );
}

function halves(name: string): [before: string, after: string | undefined] {
  const [before = '', after] = name.split(PLACEHOLDER.toLowerCase());
  return [before, after];
}

function fits(name: string, before: string, after: string): boolean {
  return name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after);
}
