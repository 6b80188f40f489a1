import { Buffer } from "./buffer";
import { Bytes } from "./bytes";
import { Value } from "./value";

/** A bound value. */
export class Param extends Bytes {
  /** It is NULL; its length is 0 then. */
  isNull: bool = false;
  /** It is in the protocol's binary format. */
  binary: bool = false;
}

/** A command to classify (ABI.md 4). */
export class Command {
  /** postgres, redis, ssh, … */
  protocol: string = "";
  /** As the client sent it: any bytes. */
  text: Bytes = new Bytes();
  /** What the gateway's parser knows. */
  facts: Value = new Value();
  /** The principal's groups. */
  groups: string[] = [];
  /** The bound values, in order. */
  params: Param[] = [];
  /** What was decided so far; only trigger sees it. */
  decision: Value = new Value();

  /** Reads fields and skips those that it does not know; null for what is no sequence of fields. */
  static read(ptr: usize, size: u32): Command | null {
    const c = new Command();
    const end = ptr + size;
    while (ptr < end) {
      if (end - ptr < 8) return null;
      const tag = load<u32>(ptr);
      const n = load<u32>(ptr, 4);
      ptr += 8;
      if (<usize>n > end - ptr) return null;
      if (tag == 1) {
        c.protocol = String.UTF8.decodeUnsafe(ptr, n);
      } else if (tag == 2) {
        c.text = new Bytes(ptr, n);
      } else if (tag == 3) {
        c.facts = new Value(ptr, n);
      } else if (tag == 4) {
        c.groups.push(String.UTF8.decodeUnsafe(ptr, n));
      } else if (tag == 5) {
        if (n == 0) return null;
        const p = new Param(ptr + 1, n - 1);
        p.binary = (load<u8>(ptr) & 1) != 0;
        c.params.push(p);
      } else if (tag == 6) {
        const p = new Param();
        p.isNull = true;
        c.params.push(p);
      } else if (tag == 7) {
        c.decision = new Value(ptr, n);
      }
      ptr += n;
    }
    return c;
  }
}

/** What a classifier finds. */
export class Classification {
  private fields: Buffer = new Buffer();
  private greatest: u32 = 0;

  reset(): void {
    this.fields.size = 0;
    this.greatest = 0;
  }

  /** Adds a label: [a-z0-9][a-z0-9-_.:]*, at most 64 bytes; at most 32 labels. */
  label(name: string): void {
    this.fields.putField(1, name);
  }

  /** Raises the risk, 0 to 100, to n. */
  risk(n: u32): void {
    this.greatest = max(this.greatest, min(n, 100));
  }

  /** Says why, once, in one line of at most 512 bytes. It must not quote data: it is kept and shown. */
  reason(text: string): void {
    this.fields.putField(3, text);
  }

  /** Marks bytes from ≤ i < to of the command's text as sensitive. */
  span(from: i32, to: i32, kind: string): void {
    this.mark(0, from, to, kind);
  }

  /** Marks bytes of bound value i as sensitive. */
  paramSpan(i: i32, from: i32, to: i32, kind: string): void {
    this.mark(i + 1, from, to, kind);
  }

  private mark(where: u32, from: i32, to: i32, kind: string): void {
    this.fields.putU32(4);
    this.fields.putU32(12 + String.UTF8.byteLength(kind));
    this.fields.putU32(where);
    this.fields.putU32(from);
    this.fields.putU32(to);
    this.fields.putText(kind);
  }

  packed(): u64 {
    if (this.greatest > 0) {
      this.fields.putU32(2);
      this.fields.putU32(4);
      this.fields.putU32(this.greatest);
    }
    return this.fields.packed();
  }
}

/** Asks that somebody approves. */
export class Hold {
  constructor(
    /** The name of an approval block; "" if nobody has to. */
    public approval: string = "",
    /** One line of at most 512 bytes, without data. */
    public reason: string = "",
  ) {}
}
