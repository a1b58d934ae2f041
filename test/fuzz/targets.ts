import { chunked } from './targets/chunked.ts';
import { clientHello } from './targets/client-hello.ts';
import { grpcFrames } from './targets/grpc-frames.ts';
import { h1Request } from './targets/h1-request.ts';
import { h1Response } from './targets/h1-response.ts';
import { h2Client } from './targets/h2-client.ts';
import { h2Server } from './targets/h2-server.ts';
import { hpack } from './targets/hpack.ts';
import { protobuf } from './targets/protobuf.ts';
import { transportHeader } from './targets/transport-header.ts';
import type { Target } from './target.ts';

export const TARGETS: readonly Target[] = [
  h1Request, h1Response, chunked, h2Server, h2Client, hpack, clientHello, transportHeader, protobuf, grpcFrames,
];
