import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { dockerArchive, tar } from './archive.ts';

/** tar(1) is the independent reader. */
function list(archive: Buffer): string[] {
  return execFileSync('tar', ['-tf', '-'], { input: archive, encoding: 'utf8' }).trim().split('\n').filter(Boolean);
}

function extract(archive: Buffer, path: string): Buffer {
  return execFileSync('tar', ['-xOf', '-', path], { input: archive, maxBuffer: 2 ** 24 });
}

describe('tar', () => {
  it('is read by tar(1) with the same names and contents', () => {
    const file = fc.record({ path: fc.stringMatching(/^[a-z][a-z0-9/]{0,80}[a-z0-9]$/).map((path) => path.replaceAll(/\/+/g, '/')), mode: fc.constantFrom(0o644, 0o755), content: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)) });
    fc.assert(
      fc.property(fc.uniqueArray(file, { selector: ({ path }) => path, minLength: 1, maxLength: 4 }), (files) => {
        const archive = tar(files);
        assert.equal(archive.length % 512, 0);
        assert.deepEqual(list(archive), files.map(({ path }) => path));
        for (const { path, content } of files) assert.deepEqual(extract(archive, path), content);
      }),
      { numRuns: 20 },
    );
  });
});

describe('dockerArchive', () => {
  const image = { tag: 'kubectl-mesh.local/x:1', files: [{ path: 'bin/x', mode: 0o755, content: Buffer.from('program') }], entrypoint: ['/bin/x', 'y'] };

  it('has manifest, configuration and layer that agree', () => {
    const archive = dockerArchive(image);
    const [manifest] = JSON.parse(extract(archive, 'manifest.json').toString()) as { Config: string; RepoTags: string[]; Layers: string[] }[];
    assert.deepEqual(manifest?.RepoTags, [image.tag]);
    const configText = extract(archive, manifest.Config);
    assert.equal(manifest.Config, `${createHash('sha256').update(configText).digest('hex')}.json`);
    const config = JSON.parse(configText.toString()) as { rootfs: { diff_ids: string[] }; config: { Entrypoint: string[] } };
    const layer = extract(archive, manifest.Layers[0]!);
    assert.deepEqual(config.rootfs.diff_ids, [`sha256:${createHash('sha256').update(layer).digest('hex')}`]);
    assert.deepEqual(config.config.Entrypoint, image.entrypoint);
    assert.equal(extract(layer, 'bin/x').toString(), 'program');
  });

  it('gives the same bytes for the same input', () => {
    assert.ok(dockerArchive(image).equals(dockerArchive(image)));
  });
});
