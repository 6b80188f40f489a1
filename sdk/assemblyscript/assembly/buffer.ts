/** Bytes that grow and are never given back: an instance has a handful, which live as long as it does. */
export class Buffer {
  ptr: usize = 0;
  size: i32 = 0;
  private room: i32 = 0;

  resize(size: i32): void {
    if (size > this.room) {
      const room = max(size, max(2 * this.room, 1024));
      this.ptr = this.ptr == 0 ? heap.alloc(room) : heap.realloc(this.ptr, room);
      this.room = room;
    }
    this.size = size;
  }

  put(from: usize, size: i32): void {
    const at = this.size;
    this.resize(at + size);
    memory.copy(this.ptr + at, from, size);
  }

  putU32(v: u32): void {
    const at = this.size;
    this.resize(at + 4);
    store<u32>(this.ptr + at, v);
  }

  putText(text: string): void {
    const at = this.size;
    this.resize(at + String.UTF8.byteLength(text));
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, this.ptr + at, false, String.UTF8.ErrorMode.REPLACE);
  }

  /** A field of a result (ABI.md 4). */
  putField(tag: u32, text: string): void {
    this.putU32(tag);
    this.putU32(String.UTF8.byteLength(text));
    this.putText(text);
  }

  /** As a result (ABI.md 3.1). */
  packed(): u64 {
    return this.size == 0 ? 0 : (<u64>this.ptr << 32) | this.size;
  }
}
