/**
 * RFC 3339 times as Go's time.Parse reads them and metav1.Time and metav1.MicroTime print them. An instant is seconds
 * since the epoch and nanoseconds; the zero time (1 January of year 1) is `undefined`.
 */
export interface Instant {
  /** Within ±2^53. */
  readonly seconds: number;
  readonly nanos: number;
}

/** Text that is not a time. The message is Go's. */
export class TimeError extends Error {}

const timeLayout = '2006-01-02T15:04:05Z07:00';
const microTimeLayout = '2006-01-02T15:04:05.000000Z07:00';

const anyFraction = /[.,][0-9]+/y;
const microFraction = /[.,][0-9]{6}/y;

/** Years 0 to 9999: what RFC 3339 can print. */
export const minTimeSeconds = -62_167_219_200;
export const maxTimeSeconds = 253_402_300_799;

const zeroTimeSeconds = -62_135_596_800;
const daySeconds = 86_400;

/** Reads a metav1.Time: RFC 3339, fractions allowed. Throws TimeError. */
export const parseTime = (text: string): Instant | undefined => parse(text, timeLayout, anyFraction, false);

/** Reads a metav1.MicroTime: RFC 3339 with exactly six digits of fraction. Throws TimeError. */
export const parseMicroTime = (text: string): Instant | undefined => parse(text, microTimeLayout, microFraction, true);

/** Milliseconds since the epoch, for arithmetic. Throws TimeError; `undefined` for the zero time. */
export function timeToMs(text: string): number | undefined {
  const instant = parseTime(text);
  return instant && instant.seconds * 1000 + Math.trunc(instant.nanos / 1_000_000);
}

/** `2026-01-02T03:04:05Z` */
export const formatInstant = (instant: Instant): string => `${dateTime(instant.seconds)}Z`;

/** `2026-01-02T03:04:05.000006Z` */
export const formatMicroInstant = (instant: Instant): string =>
  `${dateTime(instant.seconds)}.${String(Math.trunc(instant.nanos / 1000)).padStart(6, '0')}Z`;

/** Seconds and nanoseconds as an instant with nanoseconds in [0, 1e9); `undefined` for the zero time. */
export function instantOf(seconds: number, nanos: number): Instant | undefined {
  const carry = Math.floor(nanos / 1e9);
  const instant = { seconds: seconds + carry, nanos: nanos - carry * 1e9 };
  return instant.seconds === zeroTimeSeconds && instant.nanos === 0 ? undefined : instant;
}

interface Reader {
  readonly text: string;
  readonly layout: string;
  at: number;
}

function parse(text: string, layout: string, fraction: RegExp, fractionRequired: boolean): Instant | undefined {
  const reader: Reader = { text, layout, at: 0 };
  const year = number(reader, '2006', 4, 4);
  literal(reader, '-');
  const month = number(reader, '01', 2, 2);
  if (month < 1 || month > 12) throw outOfRange(reader, 'month');
  literal(reader, '-');
  const day = number(reader, '02', 2, 2);
  literal(reader, 'T');
  const hour = number(reader, '15', 1, 2);
  if (hour > 23) throw outOfRange(reader, 'hour');
  literal(reader, ':');
  const minute = number(reader, '04', 2, 2);
  if (minute > 59) throw outOfRange(reader, 'minute');
  literal(reader, ':');
  const second = number(reader, '05', 2, 2);
  if (second > 59) throw outOfRange(reader, 'second');
  const nanos = readFraction(reader, fraction, fractionRequired);
  const offsetSeconds = readZone(reader);
  if (reader.at < text.length)
    throw new TimeError(`parsing time ${quoted(text)}: extra text: ${quoted(text.slice(reader.at))}`);
  if (day < 1 || day > daysIn(year, month)) throw outOfRange(reader, 'day');
  const seconds = daysFromCivil(year, month, day) * daySeconds + hour * 3600 + minute * 60 + second - offsetSeconds;
  if (seconds < minTimeSeconds || seconds > maxTimeSeconds) throw outOfRange(reader, 'year');
  return instantOf(seconds, nanos);
}

function number(reader: Reader, element: string, minDigits: number, maxDigits: number): number {
  let end = reader.at;
  while (end < reader.at + maxDigits && isDigit(reader.text.charCodeAt(end))) end++;
  if (end - reader.at < minDigits) throw mismatch(reader, element);
  const value = Number(reader.text.slice(reader.at, end));
  reader.at = end;
  return value;
}

function literal(reader: Reader, char: string): void {
  if (reader.text[reader.at] !== char) throw mismatch(reader, char);
  reader.at++;
}

function readFraction(reader: Reader, pattern: RegExp, required: boolean): number {
  pattern.lastIndex = reader.at;
  const found = pattern.exec(reader.text);
  if (!found) {
    if (required) throw mismatch(reader, '.000000');
    return 0;
  }
  reader.at += found[0].length;
  return Number(found[0].slice(1, 10).padEnd(9, '0'));
}

function readZone(reader: Reader): number {
  const rest = reader.text.slice(reader.at);
  if (rest.startsWith('Z')) {
    reader.at++;
    return 0;
  }
  const match = /^([+-])([0-9]{2}):([0-9]{2})/.exec(rest);
  if (!match) throw mismatch(reader, 'Z07:00');
  const hours = Number(match[2]);
  const minutes = Number(match[3]);
  if (hours > 24) throw outOfRange(reader, 'time zone offset hour');
  if (minutes > 60) throw outOfRange(reader, 'time zone offset minute');
  reader.at += match[0].length;
  return (match[1] === '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

const mismatch = (reader: Reader, element: string): TimeError =>
  new TimeError(
    `parsing time ${quoted(reader.text)} as ${quoted(reader.layout)}: cannot parse ${quoted(reader.text.slice(reader.at))} as ${quoted(element)}`,
  );

const outOfRange = (reader: Reader, what: string): TimeError =>
  new TimeError(`parsing time ${quoted(reader.text)}: ${what} out of range`);

/** Go's time package quotes in its own way: bytes beyond printable ASCII as `\\xNN`. */
export function quoted(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let body = '';
  for (const byte of bytes) {
    if (byte === 0x22 || byte === 0x5c) body += '\\';
    body += byte >= 0x20 && byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `"${body}"`;
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57;

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const daysIn = (year: number, month: number): number => (month === 2 && isLeap(year) ? 29 : monthDays[month - 1]!);

/** Days since 1970-01-01 of a date in the proleptic Gregorian calendar. Years are counted from March. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
  };
}

const pad = (value: number, width = 2): string =>
  value < 0 ? `-${String(-value).padStart(width, '0')}` : String(value).padStart(width, '0');

function dateTime(seconds: number): string {
  const days = Math.floor(seconds / daySeconds);
  const { year, month, day } = civilFromDays(days);
  const rest = seconds - days * daySeconds;
  const clock = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map((part) => pad(part)).join(':');
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}T${clock}`;
}
