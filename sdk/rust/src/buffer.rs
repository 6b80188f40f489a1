/// Bytes that grow and are never given back: an instance has a handful, which live as long as it does.
pub struct Buffer {
    ptr: *mut u8,
    len: usize,
    cap: usize,
}

impl Buffer {
    pub const fn new() -> Buffer {
        Buffer { ptr: core::ptr::null_mut(), len: 0, cap: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn clear(&mut self) {
        self.len = 0;
    }

    pub fn as_ptr(&self) -> *mut u8 {
        self.ptr
    }

    pub fn bytes(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: len <= cap, and cap bytes from ptr are this buffer's own and initialised (fresh memory is zero).
        unsafe { core::slice::from_raw_parts(self.ptr, self.len) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        if self.len == 0 {
            return &mut [];
        }
        // SAFETY: as in bytes.
        unsafe { core::slice::from_raw_parts_mut(self.ptr, self.len) }
    }

    /// Makes len n, keeping what was there up to it.
    pub fn resize(&mut self, n: usize) {
        if n > self.cap {
            self.grow(n);
        }
        self.len = n;
    }

    // Never inlined: a loop pays for all that is in it, whether a turn gets there or not, and this is dear.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, n: usize) {
        let (ptr, cap) = fresh(self.ptr, self.cap, n.max(2 * self.cap).max(1024));
        if ptr != self.ptr && self.len > 0 {
            // SAFETY: fresh memory does not overlap what was there, and is longer.
            unsafe { core::ptr::copy_nonoverlapping(self.ptr, ptr, self.len) };
        }
        self.ptr = ptr;
        self.cap = cap;
    }

    pub fn push(&mut self, b: &[u8]) {
        let at = self.len;
        self.resize(at + b.len());
        self.bytes_mut()[at..].copy_from_slice(b);
    }

    pub fn push_u32(&mut self, v: u32) {
        self.push(&v.to_le_bytes());
    }

    pub fn set_u32(&mut self, at: usize, v: u32) {
        self.bytes_mut()[at..at + 4].copy_from_slice(&v.to_le_bytes());
    }

    /// A field of a command's or a result's (sdk/ABI.md 4).
    pub fn push_field(&mut self, tag: u32, v: &[u8]) {
        self.push_u32(tag);
        self.push_u32(v.len() as u32);
        self.push(v);
    }
}

/// Memory from WebAssembly itself, in pages, so that no allocator is needed: behind what there is, or right behind the
/// buffer that grows if that ends the memory. Where there is none left the call traps, and is refused.
#[cfg(target_arch = "wasm32")]
fn fresh(old: *mut u8, cap: usize, want: usize) -> (*mut u8, usize) {
    const PAGE: usize = 65536;
    let end = core::arch::wasm32::memory_size(0) * PAGE;
    let in_place = cap > 0 && old as usize + cap == end;
    let more = if in_place { want - cap } else { want };
    let pages = (more + PAGE - 1) / PAGE;
    if core::arch::wasm32::memory_grow(0, pages) == usize::MAX {
        core::arch::wasm32::unreachable()
    }
    if in_place {
        (old, cap + pages * PAGE)
    } else {
        (end as *mut u8, pages * PAGE)
    }
}

/// In a plugin's own tests.
#[cfg(not(target_arch = "wasm32"))]
fn fresh(_old: *mut u8, _cap: usize, want: usize) -> (*mut u8, usize) {
    (Box::leak(vec![0u8; want].into_boxed_slice()).as_mut_ptr(), want)
}
