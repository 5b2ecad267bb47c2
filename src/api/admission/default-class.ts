import type { KubeObject } from '../../schema/object.ts';

/** Name of the newest class that is marked as the default; of those made in the same second, the first by name. */
export function newestDefault(classes: readonly KubeObject[], marks: readonly string[]): string | undefined {
  const made = ({ metadata }: KubeObject) => Date.parse(metadata.creationTimestamp ?? '') || 0;
  return classes
    .filter(({ metadata }) => marks.some((mark) => metadata.annotations?.[mark] === 'true'))
    .sort((a, b) => made(b) - made(a) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))[0]?.metadata
    .name;
}
