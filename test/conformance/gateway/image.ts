import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SPECS, type ImageSpec } from '../../../images/images.ts';
import { MeshError } from '../../mesh/errors.ts';

/** The suite runs this in the pods of its echo server. */
const CLIENT = `#!/usr/bin/node
process.argv.splice(2, 0, 'client');
import('/app/echo.mjs');
`;

/** Our echo server, under the name of the image that the suite's manifests ask for. */
export async function echoImage(suiteDir: string): Promise<ImageSpec> {
  const manifests = await readFile(join(suiteDir, 'mesh', 'manifests.yaml'), 'utf8');
  const refs = new Set([...manifests.matchAll(/^\s*image: (\S+)$/gm)].map((m) => m[1]!));
  const [ref] = refs;
  if (ref === undefined || refs.size > 1) throw new MeshError(`The conformance suite's manifests were expected to name one image and name ${refs.size}: ${[...refs].join(', ')}. This version of the suite needs changes here.`);
  return {
    ...SPECS.sample, name: 'echo', ref, title: 'kubectl mesh: echo server for the Gateway API conformance suite',
    targets: ['echo'], sources: ['test/conformance/gateway/echo'],
    scripts: { 'usr/bin/client': CLIENT }, entrypoint: ['/usr/bin/node', '/app/echo.mjs', 'server'],
  };
}
