import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { nonNegative, oneOf } from '../shared/check.ts';
import { semanticEqual } from '../shared/equal.ts';
import { rangeMessage } from '../shared/names.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { LimitedPriorityLevelConfiguration, PriorityLevelConfiguration } from '../typings/flowcontrol.ts';
import { validateConditions } from './flow-schema.ts';

const queuing = (o: PriorityLevelConfiguration) => o.spec?.limited?.limitResponse?.queuing;

/** flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration. */
export const priorityLevelConfiguration = resource<PriorityLevelConfiguration>(
  'flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations',
  {
    columns: [
      nameColumn,
      { name: 'Type', type: 'string', value: (o) => o.spec?.type ?? '' },
      {
        name: 'NominalConcurrencyShares',
        type: 'string',
        value: (o) => o.spec?.limited?.nominalConcurrencyShares ?? '<none>',
      },
      { name: 'Queues', type: 'string', value: (o) => queuing(o)?.queues ?? '<none>' },
      { name: 'HandSize', type: 'string', value: (o) => queuing(o)?.handSize ?? '<none>' },
      { name: 'QueueLengthLimit', type: 'string', value: (o) => queuing(o)?.queueLengthLimit ?? '<none>' },
      ageColumn,
    ],
    generation: true,
    default: defaultLevel,
    validate,
    subresources: {
      status: statusSubresource<PriorityLevelConfiguration>({
        keepMetadata: true,
        *validateUpdate(next) {
          yield* validateConditions(next.status?.conditions);
        },
      }),
    },
  },
);

function defaultLevel(o: PriorityLevelConfiguration): void {
  const { exempt, limited } = o.spec ?? {};
  if (exempt) {
    exempt.nominalConcurrencyShares ??= 0;
    exempt.lendablePercent ??= 0;
  }
  if (!limited) return;
  limited.nominalConcurrencyShares ??= 30;
  limited.lendablePercent ??= 0;
  const queue = limited.limitResponse?.queuing;
  if (!queue) return;
  queue.handSize ||= 8;
  queue.queues ||= 64;
  queue.queueLengthLimit ||= 50;
}

/** Gets what no other level takes. */
const catchAll = {
  type: 'Limited',
  limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
};

function* validate(o: PriorityLevelConfiguration): Iterable<FieldError> {
  const spec = o.spec ?? {};
  const name = o.metadata.name ?? '';
  if ((name === 'exempt') !== (spec.type === 'Exempt')) {
    yield e.invalid(['spec', 'type'], spec.type ?? '', "must be 'Exempt' if and only if `name` is 'exempt'");
  }
  const printed = { Type: spec.type ?? '', Limited: spec.limited ?? null, Exempt: spec.exempt ?? null };
  if (name === 'exempt' && (spec.type !== 'Exempt' || spec.limited)) {
    const detail = "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value";
    yield e.invalid(['spec'], printed, detail);
  }
  if (name === 'catch-all' && !semanticEqual(spec, catchAll)) {
    yield e.invalid(['spec'], printed, "spec of 'catch-all' must equal the fixed value");
  }
  if (spec.type === 'Exempt') {
    if (spec.limited) {
      yield e.forbidden(['spec', 'limited'], 'must be nil if the type is not Limited');
    }
    yield* nonNegative(spec.exempt?.nominalConcurrencyShares, ['spec', 'exempt', 'nominalConcurrencyShares']);
  } else if (spec.type === 'Limited') {
    if (spec.exempt) yield e.forbidden(['spec', 'exempt'], 'must be nil if the type is Limited');
    if (!spec.limited) yield e.required(['spec', 'limited'], 'must not be empty when type is Limited');
    else yield* validateLimited(spec.limited);
  } else yield e.notSupported(['spec', 'type'], spec.type ?? '', ['Exempt', 'Limited']);
}

const at = (...fields: string[]): string[] => ['spec', 'limited', ...fields];

function* validateLimited(limited: LimitedPriorityLevelConfiguration): Iterable<FieldError> {
  const { nominalConcurrencyShares: shares, lendablePercent: lendable, borrowingLimitPercent: borrowing } = limited;
  if ((shares ?? 0) < 0) {
    yield e.invalid(at('nominalConcurrencyShares'), shares, 'must be a non-negative integer');
  }
  if (lendable !== undefined && (lendable < 0 || lendable > 100)) {
    yield e.invalid(at('lendablePercent'), lendable, rangeMessage(0, 100));
  }
  if (borrowing !== undefined && borrowing < 0) {
    yield e.invalid(at('borrowingLimitPercent'), borrowing, 'if specified, must be a non-negative integer');
  }
  const { type, queuing: queue } = limited.limitResponse ?? {};
  if (type === 'Reject') {
    if (queue)
      yield e.forbidden(at('limitResponse', 'queuing'), 'must be nil if limited.limitResponse.type is not Limited');
    return;
  }
  yield* oneOf(type, ['Queue', 'Reject'], at('limitResponse', 'type'), false);
  if (type !== 'Queue') return;
  if (!queue) {
    yield e.required(at('limitResponse', 'queuing'), 'must not be empty if limited.limitResponse.type is Limited');
    return;
  }
  for (const field of ['queueLengthLimit', 'queues', 'handSize'] as const) {
    if ((queue[field] ?? 0) < 1) {
      yield e.invalid(at('limitResponse', 'queuing', field), queue[field] ?? 0, 'must be positive');
    }
  }
  if ((queue.queues ?? 0) > 10_000_000) {
    yield e.invalid(at('limitResponse', 'queuing', 'queues'), queue.queues, 'must not be greater than 10000000');
  }
  if ((queue.handSize ?? 0) > (queue.queues ?? 0)) {
    const detail = `should not be greater than queues (${queue.queues})`;
    yield e.invalid(at('limitResponse', 'queuing', 'handSize'), queue.handSize, detail);
  }
}
