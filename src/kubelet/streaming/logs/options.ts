/** PodLogOptions: reading and checking. */
import { apiError, type FieldError, fieldError } from '../../../kernel/index.ts';
import { flag, integer } from '../query.ts';

export interface LogOptions {
  container: string;
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  stream: LogStream;
  /** Lines older than this are left out. */
  sinceMs: number | undefined;
  tailLines: number | undefined;
  limitBytes: number | undefined;
}

export type LogStream = 'All' | 'Stdout' | 'Stderr';

const streams: readonly string[] = ['All', 'Stderr', 'Stdout'];

/** Throws BadRequest for what is no number or time, Invalid for what makes no sense. */
export function parseLogOptions(query: URLSearchParams, podName: string, nowMs: number): LogOptions {
  const options = {
    tailLines: integer(query, 'tailLines'),
    limitBytes: integer(query, 'limitBytes'),
    sinceSeconds: integer(query, 'sinceSeconds'),
    sinceTimeMs: time(query, 'sinceTime'),
    stream: query.get('stream') || 'All',
  };
  const problems = [...validate(options)];
  if (problems.length > 0) throw apiError.invalid({ group: '', resource: 'PodLogOptions' }, podName, problems);
  const { sinceSeconds, sinceTimeMs, tailLines, limitBytes } = options;
  return {
    container: query.get('container') ?? '',
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    stream: options.stream as LogStream,
    sinceMs: sinceSeconds === undefined ? sinceTimeMs : nowMs - sinceSeconds * 1000,
    tailLines,
    limitBytes,
  };
}

function* validate(options: {
  tailLines: number | undefined;
  limitBytes: number | undefined;
  sinceSeconds: number | undefined;
  sinceTimeMs: number | undefined;
  stream: string;
}): Generator<FieldError> {
  const { tailLines, limitBytes, sinceSeconds, sinceTimeMs, stream } = options;
  if (tailLines !== undefined && tailLines < 0) {
    yield fieldError.invalid(['tailLines'], tailLines, 'must be greater than or equal to 0');
  }
  if (limitBytes !== undefined && limitBytes < 1) {
    yield fieldError.invalid(['limitBytes'], limitBytes, 'must be greater than 0');
  }
  if (sinceSeconds !== undefined && sinceTimeMs !== undefined) {
    yield fieldError.forbidden([''], 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  } else if (sinceSeconds !== undefined && sinceSeconds < 1) {
    yield fieldError.invalid(['sinceSeconds'], sinceSeconds, 'must be greater than 0');
  }
  if (!streams.includes(stream)) yield fieldError.notSupported(['stream'], stream, streams);
  if (stream !== 'All' && tailLines !== undefined) {
    yield fieldError.forbidden([''], '`tailLines` and specific `stream` are mutually exclusive for now');
  }
}

function time(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '' || text === 'null') return undefined;
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    const quoted = JSON.stringify(text);
    throw apiError.badRequest(
      `parsing time ${quoted} as "2006-01-02T15:04:05Z07:00": cannot parse ${quoted} as "2006"`,
    );
  }
  return ms;
}
