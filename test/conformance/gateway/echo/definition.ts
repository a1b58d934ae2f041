import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** The .proto file stands beside this module, and beside the bundle made of it. */
export const ECHO_SERVICE = loadSync(fileURLToPath(new URL('./echo.proto', import.meta.url)), { defaults: true })['echo.v1.Echo'] as ServiceDefinition;
