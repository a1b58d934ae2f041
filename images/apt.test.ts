import assert from 'node:assert/strict';
import { mirrors } from './apt.ts';

describe('Debian mirrors in apt sources', () => {
  it('are read from one-line and deb822 files, each once, comments and other archives left out', () => {
    const oneLine = [
      'deb http://mirror.example/debian bookworm main',
      'deb-src http://mirror.example/debian/ bookworm main',
      '# deb http://old.example/debian bookworm main',
      'deb [signed-by=/k.gpg] https://apt.example/cloud stable main',
    ].join('\n');
    const deb822 = ['Types: deb', '# snapshot: http://snap.example/archive/debian', 'URIs: https://other.example/debian', 'URIs: https://other.example/debian-security'].join('\n');
    assert.deepEqual(mirrors([oneLine, deb822, '']), {
      main: ['http://mirror.example/debian', 'https://other.example/debian'],
      security: ['https://other.example/debian-security'],
    });
  });
});
