import { Bytes } from "./bytes";

const HEADER: u32 = 32;
const COLUMN: u32 = 28;
const CELL: u32 = 12;
const ABSENT: u32 = 0xffffffff;

/** One value: any bytes. */
export class Cell extends Bytes {
  /** It is NULL; its length is 0 then. */
  isNull: bool = false;
  /** The number of its column. */
  column: i32 = 0;
}

/** One column. Name, table and type are as the protocol names them; each may be empty. */
export class Column {
  constructor(
    public name: Bytes,
    public table: Bytes,
    public type: Bytes,
    /** Values are in the protocol's binary format. */
    public binary: bool,
  ) {}
}

/** Cells to look at (ABI.md 5). A place outside the batch traps. */
export class Batch {
  private ptr: usize = 0;
  private size: u32 = 0;
  private firstCell: u32 = 0;
  private one: Cell = new Cell();

  /** How many cells and columns there are. */
  cells: i32 = 0;
  columns: i32 = 0;
  /** The one cell is a part of a longer value. */
  window: bool = false;

  /** False for a kind of batch that this SDK does not know, and for one that ends early. */
  read(ptr: usize, size: u32): bool {
    if (size < HEADER || load<u32>(ptr) != 0 || load<u32>(ptr, 12) != HEADER) return false;
    this.ptr = ptr;
    this.size = size;
    this.columns = load<u32>(ptr, 4);
    this.cells = load<u32>(ptr, 8);
    this.firstCell = load<u32>(ptr, 16);
    this.window = (load<u32>(ptr, 20) & 1) != 0;
    return (
      HEADER + <u64>COLUMN * <u32>this.columns <= size && <u64>this.firstCell + <u64>CELL * <u32>this.cells <= size
    );
  }

  /** Cell i. The same object each time, for speed: it is valid until the next call of cell. */
  cell(i: i32): Cell {
    if (<u32>i >= <u32>this.cells) unreachable();
    const at = this.ptr + this.firstCell + CELL * <u32>i;
    const cell = this.one;
    const from = load<u32>(at, 4);
    const size = load<u32>(at, 8);
    cell.column = load<u32>(at);
    cell.isNull = size == ABSENT;
    if (cell.isNull) {
      cell.length = 0;
    } else {
      if (<u64>from + size > this.size) unreachable();
      cell.ptr = this.ptr + from;
      cell.length = size;
    }
    return cell;
  }

  /** Column i. It is allocated. */
  column(i: i32): Column {
    if (<u32>i >= <u32>this.columns) unreachable();
    const at = this.ptr + HEADER + COLUMN * <u32>i;
    return new Column(this.text(at + 4), this.text(at + 12), this.text(at + 20), (load<u32>(at) & 1) != 0);
  }

  private text(at: usize): Bytes {
    const from = load<u32>(at);
    const size = load<u32>(at, 4);
    if (<u64>from + size > this.size) unreachable();
    return new Bytes(this.ptr + from, size);
  }
}
