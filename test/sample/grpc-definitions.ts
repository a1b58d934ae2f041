import { fileURLToPath } from 'node:url';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** The .proto files stand beside this module, and beside the bundle made of it. */
function service(file: string, name: string): ServiceDefinition {
  const definitions = loadSync(fileURLToPath(new URL(file, import.meta.url)), { defaults: true, enums: String });
  return definitions[name] as ServiceDefinition;
}

export const BOOKS_SERVICE = service('./books.proto', 'bookshop.v1.Books');
export const HEALTH_SERVICE = service('./health.proto', 'grpc.health.v1.Health');
