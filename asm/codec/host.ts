// What the module asks of its host: rare spellings whose exact rules live in one place, in TypeScript.

/** Canonical form of a quantity at `to` (at most 64 bytes); `trim`: white space around it is allowed. Returns its length, or -1 when it is not a quantity. */
@external('host', 'quantity')
export declare function quantity(at: u32, length: u32, to: u32, trim: bool): i32;

/** Go duration in nanoseconds, stored at `to` as i64. Returns 0, or -1 when it is not a duration. */
@external('host', 'parseDuration')
export declare function parseDuration(at: u32, length: u32, to: u32): i32;

@external('host', 'formatDuration')
export declare function formatDuration(nanoseconds: i64, to: u32): u32;

/** Nearest double; infinite when out of range. */
@external('host', 'parseDouble')
export declare function parseDouble(at: u32, length: u32): f64;

/** Shortest decimal at `to` (at most 32 bytes), as Go's encoding/json prints it. */
@external('host', 'formatDouble')
export declare function formatDouble(value: f64, to: u32): u32;

/** RFC 3339 in any spelling that Go accepts: seconds (i64) and nanoseconds (u32) at `to`. Returns 0, or -1. */
@external('host', 'parseTime')
export declare function parseTime(at: u32, length: u32, micro: bool, to: u32): i32;
