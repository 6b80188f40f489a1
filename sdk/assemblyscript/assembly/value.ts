/**
 * A piece of valid JSON, read where it lies. What is not there, or of another type, is empty, "", 0 or false. On what is
 * no JSON it ends, and says nothing sensible.
 */
export class Value {
  private ptr: usize;
  private length: i32;

  constructor(ptr: usize = 0, length: i32 = 0) {
    while (length > 0 && space(load<u8>(ptr))) {
      ptr++;
      length--;
    }
    while (length > 0 && space(load<u8>(ptr + length - 1))) length--;
    this.ptr = ptr;
    this.length = length;
  }

  /** It is there. */
  get exists(): bool {
    return this.length > 0;
  }

  private first(): u8 {
    return this.length > 0 ? load<u8>(this.ptr) : 0;
  }

  /** A member of an object. */
  get(name: string): Value {
    if (this.first() == OBJECT) {
      const walk = new Walk(this.ptr, this.length);
      while (walk.next()) if (walk.key.is(name)) return walk.value;
    }
    return new Value();
  }

  /** The members' names of an object. */
  keys(): string[] {
    const out: string[] = [];
    if (this.first() == OBJECT) {
      const walk = new Walk(this.ptr, this.length);
      while (walk.next()) out.push(walk.key.text());
    }
    return out;
  }

  /** The elements of an array. */
  elements(): Value[] {
    const out: Value[] = [];
    if (this.first() == ARRAY) {
      const walk = new Walk(this.ptr, this.length);
      while (walk.next()) out.push(walk.value);
    }
    return out;
  }

  /** An array has this string. */
  has(text: string): bool {
    if (this.first() == ARRAY) {
      const walk = new Walk(this.ptr, this.length);
      while (walk.next()) if (walk.value.is(text)) return true;
    }
    return false;
  }

  /** It is this string. */
  is(text: string): bool {
    return this.first() == QUOTE && this.text() == text;
  }

  /** It is true. */
  bool(): bool {
    return this.length == 4 && load<u32>(this.ptr) == 0x65757274; // "true"
  }

  /** A whole number, 0 for anything else. */
  int(): i64 {
    let n: i64 = 0;
    const minus = this.first() == 0x2d;
    for (let i = minus ? 1 : 0; i < this.length; i++) {
      const c = load<u8>(this.ptr + i);
      if (c < 0x30 || c > 0x39 || n > 1 << 40) return 0;
      n = n * 10 + (c - 0x30);
    }
    return minus ? -n : n;
  }

  /** A string's text. */
  text(): string {
    if (this.length < 2 || this.first() != QUOTE) return "";
    const from = this.ptr + 1;
    const end = this.ptr + this.length - 1;
    let out = "";
    let plain = from; // where what was not taken yet begins
    let at = from;
    while (at < end) {
      if (load<u8>(at) != BACKSLASH || at + 1 == end) {
        at++;
        continue;
      }
      out += String.UTF8.decodeUnsafe(plain, at - plain);
      const c = load<u8>(at + 1);
      at += 2;
      if (c == 0x75) {
        out += String.fromCharCode(hex(at, end)); // halves of a pair make the pair
        at += 4;
      } else {
        out += String.fromCharCode(c == 0x6e ? 10 : c == 0x74 ? 9 : c == 0x72 ? 13 : c == 0x62 ? 8 : c == 0x66 ? 12 : c);
      }
      plain = at;
    }
    return plain < end ? out + String.UTF8.decodeUnsafe(plain, end - plain) : out;
  }
}

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;
const OBJECT: u8 = 0x7b;
const ARRAY: u8 = 0x5b;

function space(c: u8): bool {
  return c == 0x20 || c == 0x0a || c == 0x09 || c == 0x0d;
}

function hex(at: usize, end: usize): i32 {
  let n = 0;
  for (let i = at; i < at + 4; i++) {
    let c: i32 = i < end ? load<u8>(i) : 0;
    if (c >= 0x30 && c <= 0x39) c -= 0x30;
    else if ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66) c = (c | 0x20) - 0x61 + 10;
    else return 0xfffd;
    n = (n << 4) | c;
  }
  return n;
}

/** Goes through the members of an object or the elements of an array. */
class Walk {
  key: Value = new Value();
  value: Value = new Value();
  private at: usize;
  private end: usize;
  private object: bool;

  constructor(ptr: usize, length: i32) {
    this.object = load<u8>(ptr) == OBJECT;
    this.at = ptr + 1;
    this.end = ptr + length;
  }

  next(): bool {
    this.pass(0x2c);
    const before = this.at;
    if (this.object) {
      this.key = this.take();
      this.pass(0x3a);
    }
    this.value = this.take();
    return this.value.exists && this.at > before;
  }

  private blank(): void {
    while (this.at < this.end && space(load<u8>(this.at))) this.at++;
  }

  private pass(c: u8): void {
    this.blank();
    if (this.at < this.end && load<u8>(this.at) == c) this.at++;
  }

  private take(): Value {
    this.blank();
    const from = this.at;
    this.at = this.skip(from);
    return new Value(from, <i32>(this.at - from));
  }

  /** Where the value ends that begins at a place. */
  private skip(at: usize): usize {
    let depth = 0;
    for (; at < this.end; at++) {
      const c = load<u8>(at);
      if (c == QUOTE) {
        for (at++; at < this.end && load<u8>(at) != QUOTE; at++) if (load<u8>(at) == BACKSLASH) at++;
        if (depth == 0) return min(at + 1, this.end);
      } else if (c == OBJECT || c == ARRAY) {
        depth++;
      } else if (c == 0x7d || c == 0x5d) {
        if (depth == 0) return at;
        if (--depth == 0) return at + 1;
      } else if (depth == 0 && (c == 0x2c || c == 0x3a || space(c))) {
        return at;
      }
    }
    return this.end;
  }
}
