import type { TrafficEdge } from '../../api/metrics-api.ts';
import { parseIdentity } from '../../api/names.ts';
import { MARKS } from '../shared/style.ts';
import { table, type Column } from '../shared/table.ts';

export function edgesTable(items: readonly TrafficEdge[], wide: boolean): string {
  const columns: Column[] = ['SRC', 'DST', 'SRC_NS', 'DST_NS', ...(wide ? ['CLIENT_ID', 'SERVER_ID'] : []), 'SECURED'].map((heading) => ({ heading }));
  return table(columns, items.map((edge) => [
    edge.src.name,
    edge.dst.name,
    edge.src.namespace,
    edge.dst.namespace,
    ...(wide ? [shortIdentity(edge.clientId), shortIdentity(edge.serverId)] : []),
    edge.secured ? MARKS.success : reasonText(edge.reason),
  ]));
}

/** "serviceaccount.namespace", which is what tells identities of one mesh apart; an identity of another shape stays whole. */
function shortIdentity(identity: string): string {
  const parsed = parseIdentity(identity);
  return parsed ? `${parsed.serviceAccount}.${parsed.namespace}` : identity;
}

/** "not_provided_by_service_discovery" in words. */
function reasonText(reason: string): string {
  return reason === '' ? '-' : reason.replaceAll('_', ' ');
}

/** The keys that Linkerd's CLI prints, so that scripts carry over. */
export function edgeRow(edge: TrafficEdge): Record<string, unknown> {
  return {
    src: edge.src.name,
    src_namespace: edge.src.namespace,
    dst: edge.dst.name,
    dst_namespace: edge.dst.namespace,
    client_id: edge.clientId,
    server_id: edge.serverId,
    secured: edge.secured,
    no_tls_reason: edge.reason,
  };
}
