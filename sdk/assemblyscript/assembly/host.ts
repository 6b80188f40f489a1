import { Bytes } from "./bytes";

/** How loud a log line is. */
export enum Level {
  Debug,
  Info,
  Warn,
  Error,
}

// ABI.md 7.
@external("sluice", "log")
declare function hostLog(level: i32, text: usize, size: usize): void;

@external("sluice", "pseudonym")
declare function hostPseudonym(kind: usize, kindSize: usize, value: usize, valueSize: usize, out: usize, room: usize): i32;

/** Writes a line to the gateway's log: at most 8 a call, of 1 KiB each. While data is looked at it needs the capability "log". */
export function log(level: Level, text: string): void {
  const utf8 = String.UTF8.encode(text);
  hostLog(level, changetype<usize>(utf8), utf8.byteLength);
}

const room = memory.data(512);

/**
 * A keyed stand-in for a value, always the same for the same value and kind within the scope that the operator chose. It
 * needs the capability "pseudonym". Valid until the next call; null if the kind has more than 64 bytes.
 */
export function pseudonym(kind: string, value: Bytes): Bytes | null {
  const utf8 = String.UTF8.encode(kind);
  const n = hostPseudonym(changetype<usize>(utf8), utf8.byteLength, value.ptr, value.length, room, 512);
  return n < 0 ? null : new Bytes(room, n);
}
