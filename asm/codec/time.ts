// RFC 3339 as Kubernetes writes it. The reader accepts the plain form; the host judges everything else.
import { allocate } from './state';
import { setRef } from './parse';
import * as host from './host';

/** Go's zero time: 1 January of the year 1. */
export const zeroSeconds: i64 = -62135596800;
/** Years 0 to 9999: what RFC 3339 can print. */
export const minSeconds: i64 = -62167219200;
export const maxSeconds: i64 = 253402300799;

/** Time leaf: seconds, nanoseconds (cut to microseconds; 0 unless `micro`). */
export function leafTime(p: usize, length: u32, micro: bool): bool {
  const node = allocate(16);
  if (!node) return false;
  if (!readPlain(p, length, micro, node) && host.parseTime(<u32>p, length, micro, <u32>node) < 0) return false;
  setRef(<u32>node);
  return true;
}

@inline
function two(p: usize): u32 {
  const a = <u32>load<u8>(p) - 0x30;
  const b = <u32>load<u8>(p + 1) - 0x30;
  return a < 10 && b < 10 ? a * 10 + b : 1000;
}

/** `2006-01-02T15:04:05Z`, for `micro` with exactly six digits of a fraction. */
function readPlain(p: usize, length: u32, micro: bool, node: usize): bool {
  if (length != <u32>(micro ? 27 : 20)) return false;
  const century = two(p);
  const yearOfCentury = two(p + 2);
  const year = century * 100 + yearOfCentury;
  const month = two(p + 5);
  const day = two(p + 8);
  const hour = two(p + 11);
  const minute = two(p + 14);
  const second = two(p + 17);
  if (century > 99 || yearOfCentury > 99 || hour > 23 || minute > 59 || second > 59) return false;
  if (month - 1 > 11 || day - 1 >= daysIn(year, month)) return false;
  if (load<u8>(p + 4) != 0x2d || load<u8>(p + 7) != 0x2d || load<u8>(p + 10) != 0x54) return false;
  if (load<u8>(p + 13) != 0x3a || load<u8>(p + 16) != 0x3a || load<u8>(p + length - 1) != 0x5a) return false;
  let nanos: u32 = 0;
  if (micro) {
    const a = two(p + 20);
    const b = two(p + 22);
    const c = two(p + 24);
    if (load<u8>(p + 19) != 0x2e || a > 99 || b > 99 || c > 99) return false;
    nanos = (a * 10000 + b * 100 + c) * 1000;
  }
  store<i64>(node, daysFromCivil(year, month, day) * 86400 + <i64>(hour * 3600 + minute * 60 + second));
  store<u32>(node, nanos, 8);
  return true;
}

function daysIn(year: u32, month: u32): u32 {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/** Days since 1970-01-01, from March-based years. */
function daysFromCivil(year: u32, month: u32, day: u32): i64 {
  const y: i64 = <i64>year - (month <= 2 ? 1 : 0);
  const era: i64 = (y >= 0 ? y : y - 399) / 400;
  const yearOfEra = y - era * 400;
  const dayOfYear: i64 = <i64>((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1);
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468;
}

/** Writes the quoted text at `to` and returns its length; seconds are within the bounds. */
export function formatTime(to: usize, seconds: i64, nanos: u32, micro: bool): u32 {
  let days = seconds / 86400;
  let rest = <i32>(seconds % 86400);
  if (rest < 0) {
    rest += 86400;
    days--;
  }
  const shifted = days + 719468;
  const era: i64 = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const dayOfEra = <u32>(shifted - era * 146097);
  const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
  const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
  const monthFromMarch = (5 * dayOfYear + 2) / 153;
  const day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = <u32>(<i64>yearOfEra + era * 400 + (month <= 2 ? 1 : 0));
  store<u8>(to, 0x22);
  put2(to + 1, year / 100, 0);
  put2(to + 3, year % 100, 0x2d);
  put2(to + 6, month, 0x2d);
  put2(to + 9, day, 0x54);
  put2(to + 12, <u32>rest / 3600, 0x3a);
  put2(to + 15, (<u32>rest / 60) % 60, 0x3a);
  put2(to + 18, <u32>rest % 60, 0);
  let end = to + 20;
  if (micro) {
    const micros = nanos / 1000;
    store<u8>(end, 0x2e);
    put2(end + 1, micros / 10000, 0);
    put2(end + 3, (micros / 100) % 100, 0);
    put2(end + 5, micros % 100, 0);
    end += 7;
  }
  store<u16>(end, 0x225a);
  return <u32>(end + 2 - to);
}

@inline
function put2(to: usize, value: u32, separator: u32): void {
  store<u8>(to, 0x30 + value / 10);
  store<u8>(to + 1, 0x30 + (value % 10));
  if (separator) store<u8>(to + 2, separator);
}
