import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeWhole, type Layer } from './layers.ts';
import { tarHeader, tarPadding, TAR_END } from './tar-write.ts';

/** An image ready to be written: `ref` is its name with tag. */
export interface Image {
  ref: string;
  layers: Layer[];
  /** OCI architecture: amd64, arm64 */
  architecture: string;
  /** the config's `config` object */
  run: Record<string, unknown>;
}

interface Blob {
  sha256: string;
  size: number;
  content: Buffer | { file: string };
}

const NO_TIME = '1970-01-01T00:00:00Z';

function jsonBlob(value: unknown): Blob {
  const content = Buffer.from(JSON.stringify(value));
  return { sha256: createHash('sha256').update(content).digest('hex'), size: content.length, content };
}

/** The image's config (OCI image-spec config.md); its digest is the image's id. */
function configBlob(image: Image): Blob {
  return jsonBlob({
    created: NO_TIME,
    architecture: image.architecture,
    os: 'linux',
    config: image.run,
    rootfs: { type: 'layers', diff_ids: image.layers.map((layer) => `sha256:${layer.sha256}`) },
    history: image.layers.map((layer) => ({ created: NO_TIME, created_by: layer.title })),
  });
}

function descriptor(mediaType: string, blob: { sha256: string; size: number }): Record<string, unknown> {
  return { mediaType, digest: `sha256:${blob.sha256}`, size: blob.size };
}

function manifestBlob(image: Image, config: Blob): Blob {
  return jsonBlob({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: image.layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer)),
  });
}

/** sha256:… of the image's config: the same for the same content, and what container runtimes list as image id. */
export function imageId(image: Image): string {
  return `sha256:${configBlob(image).sha256}`;
}

async function* tarFile(path: string, blob: { size: number; content: Buffer | { file: string } }): AsyncGenerator<Buffer> {
  yield tarHeader(path, '0', 0o644, blob.size, '');
  if (Buffer.isBuffer(blob.content)) yield blob.content;
  else for await (const chunk of createReadStream(blob.content.file, { highWaterMark: 1024 * 1024 })) yield chunk as Buffer;
  yield tarPadding(blob.size);
}

async function* archiveOf(images: Image[]): AsyncGenerator<Buffer> {
  const blobs = new Map<string, Blob>();
  const add = (blob: Blob) => {
    blobs.set(blob.sha256, blob);
    return blob;
  };
  const index: unknown[] = [];
  const docker: unknown[] = [];
  for (const image of images) {
    for (const layer of image.layers) add({ sha256: layer.sha256, size: layer.size, content: layer.content });
    const config = add(configBlob(image));
    const manifest = add(manifestBlob(image, config));
    index.push({
      ...descriptor('application/vnd.oci.image.manifest.v1+json', manifest),
      annotations: { 'io.containerd.image.name': image.ref, 'org.opencontainers.image.ref.name': image.ref.slice(image.ref.lastIndexOf(':') + 1) },
      platform: { architecture: image.architecture, os: 'linux' },
    });
    docker.push({
      Config: `blobs/sha256/${config.sha256}`,
      RepoTags: [image.ref],
      Layers: image.layers.map((layer) => `blobs/sha256/${layer.sha256}`),
    });
  }
  const small = (value: unknown) => {
    const content = Buffer.from(JSON.stringify(value));
    return { size: content.length, content };
  };
  for (const sha256 of [...blobs.keys()].sort()) yield* tarFile(`blobs/sha256/${sha256}`, blobs.get(sha256)!);
  yield* tarFile('index.json', small({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: index }));
  yield* tarFile('manifest.json', small(docker));
  yield* tarFile('oci-layout', small({ imageLayoutVersion: '1.0.0' }));
  yield TAR_END;
}

/**
 * Writes one archive that is an OCI image layout and a docker-archive at once: `ctr images import`, `docker load`, `podman load` and `kind load image-archive`
 * take it. Layers that images share are in it once. Same images, same bytes.
 */
export async function writeArchive(file: string, images: Image[]): Promise<{ sha256: string; size: number }> {
  return await writeWhole(file, archiveOf(images));
}
