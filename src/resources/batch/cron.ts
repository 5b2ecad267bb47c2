// Syntax of CronJob schedules: five fields or a descriptor, as the controller's parser takes them.

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const descriptors = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];

const fields: readonly { low: number; high: number; names?: readonly string[]; firstName?: number }[] = [
  { low: 0, high: 59 },
  { low: 0, high: 23 },
  { low: 1, high: 31 },
  { low: 1, high: 12, names: months, firstName: 1 },
  { low: 0, high: 6, names: days, firstName: 0 },
];

/** What is wrong with a schedule; undefined when it is good. */
export function scheduleProblem(schedule: string): string | undefined {
  if (schedule.startsWith('@')) {
    if (descriptors.includes(schedule) || /^@every ([0-9.]+(ns|us|µs|ms|s|m|h))+$/.test(schedule)) return undefined;
    return `unrecognized descriptor: ${schedule}`;
  }
  const parts = schedule.trim().split(/\s+/);
  if (parts.length !== fields.length) {
    return `expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`;
  }
  for (const [i, part] of parts.entries()) {
    const problem = fieldProblem(part, fields[i] ?? { low: 0, high: 0 });
    if (problem) return problem;
  }
  return undefined;
}

function fieldProblem(text: string, bounds: (typeof fields)[number]): string | undefined {
  for (const item of text.split(',')) {
    const problem = rangeProblem(item, bounds);
    if (problem) return problem;
  }
  return undefined;
}

function rangeProblem(item: string, bounds: (typeof fields)[number]): string | undefined {
  const [range = '', step, ...tooMany] = item.split('/');
  if (tooMany.length > 0) return `too many slashes: ${item}`;
  const [from = '', to, ...rest] = range.split('-');
  if (rest.length > 0) return `too many hyphens: ${item}`;
  if (step !== undefined && !/^[0-9]+$/.test(step))
    return `failed to parse int from ${step}: strconv.Atoi: parsing "${step}": invalid syntax`;
  if (step !== undefined && Number(step) === 0) return `step of range should be a positive number: ${item}`;
  if (from === '*' || from === '?') return undefined;
  const start = numberOf(from, bounds);
  if (typeof start === 'string') return start;
  const end = to === undefined ? start : numberOf(to, bounds);
  if (typeof end === 'string') return end;
  if (start < bounds.low) return `beginning of range (${start}) below minimum (${bounds.low}): ${item}`;
  if (end > bounds.high) return `end of range (${end}) above maximum (${bounds.high}): ${item}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${item}`;
  return undefined;
}

function numberOf(text: string, bounds: (typeof fields)[number]): number | string {
  const name = bounds.names?.indexOf(text.toLowerCase()) ?? -1;
  if (name >= 0) return name + (bounds.firstName ?? 0);
  return /^[0-9]+$/.test(text)
    ? Number(text)
    : `failed to parse int from ${text}: strconv.Atoi: parsing "${text}": invalid syntax`;
}
