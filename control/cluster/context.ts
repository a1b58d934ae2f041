/** What a proxy says about itself in `context_token`, `workload` and `source_workload`: where it runs. Missing parts are undefined. */
export interface ProxyContext { namespace: string | undefined; node: string | undefined; pod: string | undefined }

/**
 * Reads the JSON `{"ns":"…","nodeName":"…","pod":"…"}` that the injector sets, white space around it included, and the older `ns:pod` of
 * workloads. Anything else says nothing: a lookup is answered all the same, only without a place.
 */
export function parseContext(text: string): ProxyContext {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) {
    try {
      const value = JSON.parse(trimmed) as Record<string, unknown>;
      const part = (key: string) => (typeof value[key] === 'string' && value[key] !== '' ? value[key] : undefined);
      return { namespace: part('ns'), node: part('nodeName'), pod: part('pod') };
    } catch {
      return NOTHING;
    }
  }
  const match = /^([-a-z0-9]+):([-.a-z0-9]+)$/.exec(trimmed);
  return match ? { namespace: match[1], node: undefined, pod: match[2] } : NOTHING;
}

const NOTHING: ProxyContext = { namespace: undefined, node: undefined, pod: undefined };
