import type { TypeModel } from '../model.ts';

const zeros: Readonly<Partial<Record<TypeModel['kind'], string | boolean | number>>> = {
  string: '',
  bool: false,
  int32: 0,
  int64: 0,
  uint32: 0,
  uint64: 0,
  double: 0,
};

/** JSON of a string, bool or number that nobody set; undefined for types that are none of these. */
export const zeroScalar = (kind: TypeModel['kind']): string | boolean | number | undefined => zeros[kind];
