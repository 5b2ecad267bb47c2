export { type EtcdOptions, etcdBackend } from './backends/etcd.ts';
export { memoryBackend } from './backends/memory.ts';
export { sqliteBackend, type SqliteOptions } from './backends/sqlite.ts';
export { openStore, type StoreBudget, type StoreOptions } from './open.ts';
export { finalizersPath, ownerUidPath, type ProtobufPath, readPath, uidPath } from './protobuf-path.ts';
export type { StoreCodec } from './records.ts';
export * from './types.ts';
export { StaleHandleError } from '../wasm/index.ts';
