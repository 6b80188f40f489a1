/** Bytes that lie where the gateway wrote them. A place outside of them traps. */
export class Bytes {
  constructor(
    public ptr: usize = 0,
    public length: i32 = 0,
  ) {}

  @inline
  @operator("[]")
  at(i: i32): u8 {
    if (<u32>i >= <u32>this.length) unreachable();
    return load<u8>(this.ptr + i);
  }

  /** The bytes from ≤ i < to. */
  slice(from: i32, to: i32 = this.length): Bytes {
    if (from < 0 || from > to || to > this.length) unreachable();
    return new Bytes(this.ptr + from, to - from);
  }

  /** The next place from a place on that has a byte; -1 if there is none. */
  indexOf(c: u8, from: i32 = 0): i32 {
    for (let i = max(from, 0), n = this.length, ptr = this.ptr; i < n; i++) if (load<u8>(ptr + i) == c) return i;
    return -1;
  }

  /** They are this text, in UTF-8. */
  equals(text: string): bool {
    return this.length == String.UTF8.byteLength(text) && this.holds(text, 0);
  }

  /** This text, in UTF-8, is at a place. */
  holds(text: string, at: i32): bool {
    let i = at;
    for (let k = 0, n = text.length; k < n; k++) {
      const c = text.charCodeAt(k);
      if (c >= 0x80) return this.holdsWide(text, at);
      if (i >= this.length || load<u8>(this.ptr + i) != <u8>c) return false;
      i++;
    }
    return true;
  }

  private holdsWide(text: string, at: i32): bool {
    const utf8 = String.UTF8.encode(text);
    const n = utf8.byteLength;
    return n <= this.length - at && memory.compare(changetype<usize>(utf8), this.ptr + at, n) == 0;
  }

  /** As a string; what is not UTF-8 becomes U+FFFD. It is allocated. */
  toString(): string {
    return String.UTF8.decodeUnsafe(this.ptr, this.length);
  }
}
