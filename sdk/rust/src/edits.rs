use crate::buffer::Buffer;
use crate::u32_at;

const HEADER: usize = 8;
const EDIT: usize = 24;
const ABSENT: u32 = u32::MAX;

/// What is found. Findings are added in order: by cell, then by place, and they do not overlap; the gateway refuses all
/// of them otherwise.
pub struct Edits {
    edits: Buffer,
    texts: Buffer,
    count: u32,
}

impl Edits {
    pub const fn new() -> Edits {
        Edits { edits: Buffer::new(), texts: Buffer::new(), count: 0 }
    }

    /// Forgets all findings and keeps the memory.
    pub fn reset(&mut self) {
        self.edits.resize(HEADER);
        self.texts.clear();
        self.count = 0;
    }

    /// Says that bytes `from..to` of a cell are of a kind, an index into the manifest's `kinds`. What happens to them is
    /// the operator's choice.
    // Never inlined: see Buffer::grow.
    #[inline(never)]
    pub fn add(&mut self, cell: usize, from: usize, to: usize, kind: usize) {
        self.put([cell as u32, from as u32, to as u32, kind as u32, 0, ABSENT]);
    }

    /// [`add`](Edits::add) with a replacement of the plugin's own; an empty one takes the bytes away.
    #[inline(never)]
    pub fn replace(&mut self, cell: usize, from: usize, to: usize, kind: usize, with: &[u8]) {
        self.put([cell as u32, from as u32, to as u32, kind as u32, self.texts.len() as u32, with.len() as u32]);
        self.texts.push(with);
    }

    fn put(&mut self, edit: [u32; 6]) {
        let at = self.edits.len().max(HEADER);
        self.edits.resize(at + EDIT);
        for (i, v) in edit.iter().enumerate() {
            self.edits.set_u32(at + 4 * i, *v);
        }
        self.count += 1;
    }

    /// How many findings there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Cell, from, to and kind of finding i, for tests.
    pub fn at(&self, i: usize) -> (usize, usize, usize, usize) {
        let b = &self.edits.bytes()[HEADER + EDIT * i..][..EDIT];
        (u32_at(b, 0) as usize, u32_at(b, 4) as usize, u32_at(b, 8) as usize, u32_at(b, 12) as usize)
    }

    /// Encodes the findings (sdk/ABI.md 6); empty if there are none.
    pub(crate) fn encode(&mut self) -> &[u8] {
        if self.count == 0 {
            return &[];
        }
        self.edits.set_u32(0, self.count);
        self.edits.set_u32(4, 0);
        // Replacements stand behind the edits, so their places move by that.
        let base = self.edits.len() as u32;
        for i in 0..self.count as usize {
            let at = HEADER + EDIT * i;
            if u32_at(self.edits.bytes(), at + 20) != ABSENT {
                let place = u32_at(self.edits.bytes(), at + 16);
                self.edits.set_u32(at + 16, place + base);
            }
        }
        self.edits.push(self.texts.bytes());
        self.edits.bytes()
    }
}

impl Default for Edits {
    fn default() -> Self {
        Edits::new()
    }
}
