import { environment, labels, type ImageSpec } from './images.ts';

/**
 * The Dockerfile of an image: a first stage installs what the checkout needs and lays out the files exactly as the archive builder does, Debian's
 * packages at their pinned versions included; the image is those files and nothing of the first stage.
 */
export function renderDockerfile(spec: ImageSpec): string {
  const copies = ['api', 'lib', ...spec.sources, 'scripts', 'images'].map((folder) => `COPY ${folder} ${folder}`);
  const pairs = (values: [string, string][]) => values.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(' \\\n    ');
  return `# ${spec.title}. From the root of the checkout:
#   docker build -f images/${spec.name}/Dockerfile -t ${spec.ref} .
# Made from images/images.ts by: UPDATE_GOLDEN=1 npm run unit
FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json tsconfig.json ./
RUN npm ci
${copies.join('\n')}
RUN node images/cli.ts --rootfs /rootfs ${spec.name}

FROM scratch
COPY --from=build /rootfs/ /
ENV ${pairs(environment(spec).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))}
LABEL ${pairs(Object.entries(labels(spec)))}
USER ${spec.uid}
ENTRYPOINT ${JSON.stringify(spec.entrypoint)}
`;
}
