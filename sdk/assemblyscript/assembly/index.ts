// For writing plugins of the Sluice gateway in AssemblyScript. README.md shows how, ABI.md (sdk/ABI.md) has every byte.
//
// The gateway gives a plugin no clock, no randomness, no files, no network and no environment, and ends a call that works
// for more than about a millisecond. The same input must give the same output: keep nothing from one call to the next but
// what configure made of the settings. What is passed to a function is valid until it returns.

export { Batch, Cell, Column } from "./batch";
export { Bytes } from "./bytes";
export { Classification, Command, Hold, Param } from "./command";
export { Edits } from "./edits";
export { Level, log, pseudonym } from "./host";
export { Plugin, register } from "./plugin";
export { Value } from "./value";
