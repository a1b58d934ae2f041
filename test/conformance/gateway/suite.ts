/** The official suite: its test program, and the flags that it is run with. */
import type { Build } from '../../cluster/local/binaries.ts';
import { GATEWAY_API_MODULE_DIR, GATEWAY_API_VERSION, MODULES } from '../../gateway-api/module.ts';

export const SUITE: Build = {
  name: `gateway-api-conformance-${GATEWAY_API_VERSION}`,
  title: `the Gateway API conformance suite ${GATEWAY_API_VERSION}`,
  moduleDir: GATEWAY_API_MODULE_DIR,
  packages: [MODULES.conformance],
  programs: ['conformance.test'],
  ldflags: '-s -w',
  tests: true,
  firstTime: '1 to 3 minutes',
  disk: 2 * 2 ** 30,
};

/** What the mesh profile knows beyond its core; all of it is claimed. */
export const EXTENDED_FEATURES = [
  'MeshClusterIPMatching', 'MeshConsumerRoute', 'MeshHTTPRouteRewritePath', 'MeshHTTPRouteSchemeRedirect', 'MeshHTTPRouteRedirectPort',
  'MeshHTTPRouteRedirectPath', 'MeshHTTPRouteBackendRequestHeaderModification', 'MeshHTTPRouteQueryParamMatching', 'MeshHTTPRouteNamedRouteRule',
];
/** Features of routes that tests of the mesh profile ask for besides. */
const ROUTE_FEATURES = ['HTTPRouteParentRefPort', 'HTTPRouteResponseHeaderModification', 'HTTPRoute303RedirectStatusCode', 'HTTPRoute307RedirectStatusCode', 'HTTPRoute308RedirectStatusCode'];
const CORE_FEATURES = ['Mesh', 'HTTPRoute', 'GRPCRoute', 'ReferenceGrant'];

export interface SuiteOptions {
  version: string;
  report: string;
  /** annotation that has the suite's namespaces meshed: name=value */
  inject: string;
  /** ShortName of one test, '' for all */
  only: string;
}

export function suiteArguments({ version, report, inject, only }: SuiteOptions): string[] {
  return [
    '-test.v', '-test.timeout=40m',
    '--conformance-profiles=MESH-HTTP,MESH-GRPC',
    `--supported-features=${[...CORE_FEATURES, ...EXTENDED_FEATURES, ...ROUTE_FEATURES].join(',')}`,
    `--namespace-annotations=${inject}`,
    `--report-output=${report}`,
    '--organization=kubectl-mesh', '--project=kubectl-mesh', '--url=https://kubectl-mesh.io', '--contact=@kubectl-mesh/maintainers', `--version=${version}`,
    ...(only === '' ? [] : [`--run-test=${only}`]),
  ];
}
