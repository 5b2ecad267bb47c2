import type { FieldModel, MessageModel } from '../model.ts';

/** A tag of a message on the wire: a field, or an inlined struct that nests. */
export interface WireEntry {
  tag: number;
  field?: FieldModel;
  nested?: WirePlan;
}

/** Tags of a message, ascending. */
export interface WirePlan {
  entries: readonly WireEntry[];
  byTag: ReadonlyMap<number, WireEntry>;
}

const plans = new WeakMap<MessageModel, WirePlan>();

/** How a message looks on the wire. */
export function wirePlan(model: MessageModel): WirePlan {
  const known = plans.get(model);
  if (known) return known;
  const plan = planOf(
    model.fields.filter((field) => field.wire.length > 0),
    0,
  );
  plans.set(model, plan);
  return plan;
}

function planOf(fields: readonly FieldModel[], depth: number): WirePlan {
  const byTag = new Map<number, WireEntry>();
  for (const [tag, group] of Map.groupBy(fields, (field) => field.wire[depth]!)) {
    const nests = group[0]!.wire.length > depth + 1;
    byTag.set(tag, nests ? { tag, nested: planOf(group, depth + 1) } : { tag, field: group[0]! });
  }
  return { entries: [...byTag.values()].sort((a, b) => a.tag - b.tag), byTag };
}
