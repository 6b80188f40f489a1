use crate::u32_at;

const ABSENT: u32 = u32::MAX;
const HEADER: usize = 32;
const COLUMN: usize = 28;
const CELL: usize = 12;

/// Cells to look at (sdk/ABI.md 5), read where the gateway wrote them. A place outside the batch panics.
pub struct Batch<'a> {
    b: &'a [u8],
    columns: usize,
    cells: usize,
    at: usize,
}

/// One value.
pub struct Cell<'a> {
    /// Its number in the batch, which [`Edits`](crate::Edits) ask for.
    pub index: usize,
    /// The number of its column.
    pub column: usize,
    /// Any bytes; `None` is NULL.
    pub value: Option<&'a [u8]>,
}

/// One column. Name, table and type are as the protocol names them; each may be empty.
pub struct Column<'a> {
    pub name: &'a [u8],
    pub table: &'a [u8],
    pub type_name: &'a [u8],
    /// Values are in the protocol's binary format.
    pub binary: bool,
}

impl<'a> Batch<'a> {
    /// `None` for a kind of batch that this SDK does not know, and for one that ends early.
    pub fn read(b: &'a [u8]) -> Option<Batch<'a>> {
        if b.len() < HEADER || u32_at(b, 0) != 0 || u32_at(b, 12) as usize != HEADER {
            return None;
        }
        let batch = Batch { b, columns: u32_at(b, 4) as usize, cells: u32_at(b, 8) as usize, at: u32_at(b, 16) as usize };
        let ends = |at: usize, n: usize, size: usize| n.checked_mul(size).and_then(|n| n.checked_add(at)).map_or(false, |end| end <= b.len());
        (ends(HEADER, batch.columns, COLUMN) && ends(batch.at, batch.cells, CELL)).then_some(batch)
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.cells
    }

    pub fn is_empty(&self) -> bool {
        self.cells == 0
    }

    /// The one cell is a part of a longer value.
    pub fn is_window(&self) -> bool {
        u32_at(self.b, 20) & 1 != 0
    }

    /// Column i; panics if there is none.
    pub fn column(&self, i: usize) -> Column<'a> {
        assert!(i < self.columns);
        let at = HEADER + COLUMN * i;
        let text = |at| self.slice(u32_at(self.b, at), u32_at(self.b, at + 4));
        Column { name: text(at + 4), table: text(at + 12), type_name: text(at + 20), binary: u32_at(self.b, at) & 1 != 0 }
    }

    /// Cell i; panics if there is none.
    pub fn cell(&self, i: usize) -> Cell<'a> {
        assert!(i < self.cells);
        let c = &self.b[self.at + CELL * i..][..CELL];
        let size = u32_at(c, 8);
        let value = if size == ABSENT { None } else { Some(self.slice(u32_at(c, 4), size)) };
        Cell { index: i, column: u32_at(c, 0) as usize, value }
    }

    /// All cells, in order.
    pub fn cells(&self) -> impl Iterator<Item = Cell<'a>> + '_ {
        (0..self.cells).map(move |i| self.cell(i))
    }

    fn slice(&self, at: u32, size: u32) -> &'a [u8] {
        &self.b[at as usize..][..size as usize]
    }
}
