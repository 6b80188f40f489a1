import { Buffer } from "./buffer";
import { Bytes } from "./bytes";

const HEADER = 8;
const EDIT = 24;
const ABSENT: u32 = 0xffffffff;

/**
 * What is found (ABI.md 6). Findings are added in order: by cell, then by place, and they do not overlap; the gateway
 * refuses all of them otherwise.
 */
export class Edits {
  private edits: Buffer = new Buffer();
  private texts: Buffer = new Buffer();
  /** How many there are. */
  count: i32 = 0;

  /** Forgets all findings and keeps the memory. */
  reset(): void {
    this.edits.resize(HEADER);
    this.texts.size = 0;
    this.count = 0;
  }

  /**
   * Says that bytes from ≤ i < to of a cell are of a kind, an index into the plugin's kinds. What happens to them is the
   * operator's choice.
   */
  add(cell: i32, from: i32, to: i32, kind: i32): void {
    this.put(cell, from, to, kind, 0, ABSENT);
  }

  /** add with a replacement of the plugin's own; an empty one takes the bytes away. */
  replace(cell: i32, from: i32, to: i32, kind: i32, text: string): void {
    this.put(cell, from, to, kind, this.texts.size, String.UTF8.byteLength(text));
    this.texts.putText(text);
  }

  /** replace with bytes. */
  replaceBytes(cell: i32, from: i32, to: i32, kind: i32, bytes: Bytes): void {
    this.put(cell, from, to, kind, this.texts.size, bytes.length);
    this.texts.put(bytes.ptr, bytes.length);
  }

  private put(cell: i32, from: i32, to: i32, kind: i32, at: u32, size: u32): void {
    const end = this.edits.size;
    this.edits.resize(end + EDIT);
    const edit = this.edits.ptr + end;
    store<u32>(edit, cell);
    store<u32>(edit, from, 4);
    store<u32>(edit, to, 8);
    store<u32>(edit, kind, 12);
    store<u32>(edit, at, 16);
    store<u32>(edit, size, 20);
    this.count++;
  }

  /** Encodes the findings; 0 if there are none. */
  packed(): u64 {
    if (this.count == 0) return 0;
    // Replacements stand behind the edits, so their places move by that.
    const base = this.edits.size;
    store<u32>(this.edits.ptr, this.count);
    store<u32>(this.edits.ptr, 0, 4);
    for (let i = 0; i < this.count; i++) {
      const edit = this.edits.ptr + HEADER + EDIT * i;
      if (load<u32>(edit, 20) != ABSENT) store<u32>(edit, load<u32>(edit, 16) + base, 16);
    }
    this.edits.put(this.texts.ptr, this.texts.size);
    return this.edits.packed();
  }
}
