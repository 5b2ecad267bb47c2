export { assetPath } from './assets.ts';
export { type Clock, formatMicroTime, formatTime, ManualClock, systemClock, type Timer } from './clock.ts';
export { Lifecycle, type Service } from './lifecycle.ts';
export { createLogger, type Logger, type LogLevel, silentLogger } from './log.ts';
export { mergePatch } from './merge-patch.ts';
export { sameJson } from './same-json.ts';
export { Slots } from './slots.ts';
export {
  apiError,
  type FieldError,
  type FieldErrorType,
  type FieldPath,
  fieldError,
  formatPath,
  isReason,
  type Qualified,
  type Status,
  type StatusCause,
  type StatusDetails,
  StatusError,
  type StatusReason,
} from './status.ts';
export { nextTurn } from './turns.ts';
export { versionInfo } from './version.ts';
