/// Values from a seed, the same on every machine. Every third one is an edge case.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.bits() % end.max(1)
    }

    /// A random boolean.
    pub fn flip(&mut self) -> bool {
        self.below(2) == 0
    }

    fn edge<T: Copy>(&mut self, edges: &[T]) -> Option<T> {
        if self.below(3) > 0 {
            return None;
        }
        let place = self.below(edges.len() as u64);
        edges.get(usize::try_from(place).ok()?).copied()
    }

    /// Any 64 bits.
    pub fn u64(&mut self) -> u64 {
        let edges = [0, 1, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, u64::MAX];
        self.edge(&edges).unwrap_or_else(|| self.bits())
    }

    /// An integer that JavaScript represents exactly.
    pub fn safe(&mut self) -> i64 {
        const MAX: i64 = (1 << 53) - 1;
        self.edge(&[0, -1, MAX, -MAX])
            .unwrap_or_else(|| (self.bits() >> 11).cast_signed() - (1 << 52))
    }

    /// A finite float of any magnitude.
    pub fn finite(&mut self) -> f64 {
        let edges = [
            0.0,
            -0.0,
            0.1,
            3.0,
            1e21,
            1e300,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            f64::EPSILON,
            9_007_199_254_740_993.0,
        ];
        if let Some(edge) = self.edge(&edges) {
            return edge;
        }
        loop {
            let float = f64::from_bits(self.bits());
            if float.is_finite() {
                return float;
            }
        }
    }

    /// Any float, including NaN and infinities.
    pub fn float(&mut self) -> f64 {
        self.edge(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY])
            .unwrap_or_else(|| self.finite())
    }

    /// A finite float of 32 bits.
    pub fn finite_f32(&mut self) -> f32 {
        loop {
            let bits = u32::try_from(self.bits() >> 32).unwrap_or_default();
            let float = f32::from_bits(bits);
            if float.is_finite() {
                return float;
            }
        }
    }

    /// Any text.
    pub fn text(&mut self) -> String {
        let edges = [
            "",
            "ä 🦀 \u{0}\n\r\t\"\\/",
            "\u{2028}\u{2029}</script>",
            "__proto__",
            "${x} `*/",
            "\u{feff}\u{ffff}\u{10ffff}",
        ];
        match self.edge(&edges) {
            Some(edge) => edge.to_owned(),
            None => format!("text {}", self.below(1000)),
        }
    }

    /// Up to three values.
    pub fn several<T>(&mut self, make: fn(&mut Self) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| make(self)).collect()
    }

    /// A value, or `None`.
    pub fn maybe<T>(&mut self, make: fn(&mut Self) -> T) -> Option<T> {
        self.flip().then(|| make(self))
    }
}
