/** From descriptors to api/gen/tables.ts: one exported const per message, which bundlers drop when nothing refers to it. */
import { ScalarType, type DescField, type DescFile, type DescMessage } from '@bufbuild/protobuf';

const PACKAGE_PREFIX = 'io.linkerd.proxy.';

const KINDS = new Map<ScalarType, string>([
  [ScalarType.DOUBLE, 'double'], [ScalarType.FLOAT, 'float'], [ScalarType.INT64, 'int64'], [ScalarType.UINT64, 'uint64'], [ScalarType.INT32, 'int32'],
  [ScalarType.FIXED64, 'fixed64'], [ScalarType.FIXED32, 'fixed32'], [ScalarType.BOOL, 'bool'], [ScalarType.STRING, 'string'], [ScalarType.BYTES, 'bytes'],
  [ScalarType.UINT32, 'uint32'],
]);

/** io.linkerd.proxy.outbound.HttpRoute.Rule -> outbound_HttpRoute_Rule */
export function tableName(message: DescMessage): string {
  return message.typeName.replace(PACKAGE_PREFIX, '').replaceAll('.', '_');
}

/** The TypeScript name that protoc-gen-es gives it, in its file. */
function typeName(message: DescMessage): string {
  const inFile = message.typeName.slice(message.file.proto.package.length + 1).replaceAll('.', '_');
  return `import('${importPath(message.file)}').${inFile}`;
}

function importPath(file: DescFile): string {
  return file.name.startsWith('google/protobuf/') ? '@bufbuild/protobuf/wkt' : `./${file.name}_pb.js`;
}

function kindOf(field: DescField, scalar: ScalarType): string {
  const kind = KINDS.get(scalar);
  if (!kind) throw new Error(`${field.parent.typeName}.${field.name}: lib/grpc/wire.ts has no ${ScalarType[scalar]}; add it there first`);
  return kind;
}

function row(field: DescField): string {
  const head = `${field.number}, '${field.localName}'`;
  const oneof = field.oneof ? `'${field.oneof.localName}'` : `''`;
  switch (field.fieldKind) {
    case 'scalar': return `[${head}, KIND.${kindOf(field, field.scalar)}${field.oneof ? `, ${oneof}` : ''}]`;
    case 'enum': return `[${head}, KIND.enum${field.oneof ? `, ${oneof}` : ''}]`;
    case 'message': return `[${head}, KIND.message, ${oneof}, ${tableName(field.message)}]`;
    case 'map':
      if (field.mapKey === ScalarType.STRING && field.mapKind === 'scalar' && field.scalar === ScalarType.STRING) return `[${head}, KIND.string, '{}']`;
      break;
    case 'list':
      if (field.listKind === 'message') return `[${head}, KIND.message, '[]', ${tableName(field.message)}]`;
      if (field.listKind === 'scalar' && (field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES)) return `[${head}, KIND.${kindOf(field, field.scalar)}, '[]']`;
      break;
  }
  throw new Error(`${field.parent.typeName}.${field.name}: lib/grpc/wire.ts does not read this kind of list or map; add it there first`);
}

function* messages(parents: readonly DescMessage[]): Generator<DescMessage> {
  for (const m of parents) {
    if (!m.proto.options?.mapEntry) yield m;
    yield* messages(m.nestedMessages);
  }
}

/** Text of tables.ts for these files; WKT files only for the messages listed. */
export function renderTables(files: readonly DescFile[], wellKnown: ReadonlySet<string>): string {
  const out = [
    '// Made by api/generate.ts from api/proto. Do not edit.',
    `import { KIND, table, type Table } from '../../lib/grpc/wire.ts';`,
  ];
  for (const file of files) {
    for (const m of messages(file.messages)) {
      if (file.name.startsWith('google/protobuf/') && !wellKnown.has(m.typeName)) continue;
      const rows = m.fields.toSorted((a, b) => a.number - b.number).map((f) => `  ${row(f)},\n`).join('');
      const body = rows === '' ? '[]' : `[\n${rows}]`;
      out.push(`export const ${tableName(m)}: Table<${typeName(m)}> = /* @__PURE__ */ table(() => ${body});`);
    }
  }
  return `${out.join('\n')}\n`;
}

/** Methods as the paths that gRPC uses. */
export function renderMethods(files: readonly DescFile[]): string {
  const out = ['/** HTTP/2 :path of every method. */', 'export const METHODS = {'];
  for (const file of files) {
    for (const service of file.services) {
      for (const method of service.methods) out.push(`  ${service.name}_${method.name}: '/${service.typeName}/${method.name}',`);
    }
  }
  out.push('} as const;');
  return `${out.join('\n')}\n`;
}
