// What the gateway calls (ABI.md 2 and 3). A plugin's entry file exports all of it:
//
//     export * from "sluice-sdk/assembly/guest";

import "./abort";
import { Batch } from "./batch";
import { Buffer } from "./buffer";
import { Classification, Command, Hold } from "./command";
import { Edits } from "./edits";
import { registered } from "./plugin";
import { Value } from "./value";

// What lives as long as the instance, so that a mask allocates nothing.
const input = new Buffer();
const result = new Buffer();
const batch = new Batch();
const edits = new Edits();
const classification = new Classification();

const ERROR: u64 = 1 << 31;

function failed(why: string): u64 {
  result.size = 0;
  result.putText(why.length > 0 ? why : "failed");
  return result.packed() | ERROR;
}

/**
 * Takes the last call's garbage away, where nothing on the stack needs it, so that each call meets the same heap. Not in
 * sluice_alloc: the gateway writes to the same buffer for many calls.
 */
function begin(size: i32): void {
  if (<u32>size > <u32>input.size) unreachable();
  __collect();
}

const UNREADABLE = "a command that this plugin cannot read";

export function sluice_abi(): i32 {
  return 1;
}

export function sluice_alloc(size: i32): usize {
  input.size = 0;
  input.resize(max(size, 1));
  return input.ptr;
}

export function sluice_manifest(): u64 {
  result.size = 0;
  result.putText(registered().manifest());
  return result.packed();
}

export function sluice_configure(_: usize, size: i32): u64 {
  begin(size);
  const configure = registered().configure;
  if (!configure) return 0;
  const why = configure(new Value(input.ptr, size));
  return why !== null ? failed(why) : 0;
}

export function sluice_mask(_: usize, size: i32): u64 {
  begin(size);
  const mask = registered().mask;
  if (!mask) return failed("does not mask");
  if (!batch.read(input.ptr, size)) return failed("a kind of batch that this plugin does not know");
  edits.reset();
  const why = mask(batch, edits);
  return why !== null ? failed(why) : edits.packed();
}

export function sluice_classify(_: usize, size: i32): u64 {
  begin(size);
  const classify = registered().classify;
  if (!classify) return failed("does not classify");
  const command = Command.read(input.ptr, size);
  if (!command) return failed(UNREADABLE);
  classification.reset();
  const why = classify(command, classification);
  return why !== null ? failed(why) : classification.packed();
}

export function sluice_trigger(_: usize, size: i32): u64 {
  begin(size);
  const trigger = registered().trigger;
  if (!trigger) return failed("does not trigger");
  const command = Command.read(input.ptr, size);
  if (!command) return failed(UNREADABLE);
  const hold = new Hold();
  const why = trigger(command, hold);
  if (why !== null) return failed(why);
  if (hold.approval.length == 0) return 0;
  result.size = 0;
  result.putField(1, hold.approval);
  if (hold.reason.length > 0) result.putField(2, hold.reason);
  return result.packed();
}
