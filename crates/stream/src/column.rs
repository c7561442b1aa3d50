//! Columns of values, laid out as Arrow lays them out, so that none need be copied on the way to
//! disk. This crate doesn't depend on Arrow.

use crate::contract::ColumnKind;

/// Bits, the lowest of each byte first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    bytes: Vec<u8>,
    len: usize,
}

impl Bits {
    /// `len` bits that are all set.
    fn set(len: usize) -> Bits {
        let mut bytes = vec![0xff; len.div_ceil(8)];
        if let Some(last) = bytes.last_mut()
            && !len.is_multiple_of(8)
        {
            *last = (1_u8 << (len % 8)) - 1;
        }
        Bits { bytes, len }
    }

    /// Adds a bit.
    #[inline]
    pub fn push(&mut self, bit: bool) {
        let shift = self.len % 8;
        if shift == 0 {
            self.bytes.push(u8::from(bit));
        } else if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << shift;
        }
        self.len += 1;
    }

    /// A bit; false past the end.
    #[inline]
    pub fn get(&self, index: usize) -> bool {
        let byte = self.bytes.get(index / 8).copied().unwrap_or(0);
        byte >> (index % 8) & 1 == 1
    }

    /// How many bits there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no bit.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes; bits past the end are zero.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Which rows have a value. Nothing is held until the first row that has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validity {
    bits: Option<Bits>,
    len: usize,
    nulls: usize,
}

impl Validity {
    /// Adds a row.
    #[inline]
    pub fn push(&mut self, is_valid: bool) {
        match &mut self.bits {
            Some(bits) => bits.push(is_valid),
            None if is_valid => {}
            None => {
                let mut bits = Bits::set(self.len);
                bits.push(false);
                self.bits = Some(bits);
            }
        }
        self.len += 1;
        self.nulls += usize::from(!is_valid);
    }

    /// Whether a row has a value; false past the end.
    #[inline]
    pub fn get(&self, row: usize) -> bool {
        match &self.bits {
            Some(bits) => bits.get(row),
            None => row < self.len,
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many rows have no value.
    pub fn nulls(&self) -> usize {
        self.nulls
    }

    /// One bit a row, set where there is a value; nothing if every row has one.
    pub fn into_bits(self) -> Option<Bits> {
        self.bits
    }
}

/// Numbers; where a row has none, zero stands in its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers<T> {
    values: Vec<T>,
    validity: Validity,
}

impl<T: Copy + Default> Numbers<T> {
    /// Adds a row.
    #[inline]
    pub fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.validity.push(value.is_some());
    }

    /// The number of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T> {
        self.values.get(row).copied().filter(|_| self.validity.get(row))
    }

    /// The number of each row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<T>> {
        self.values.iter().enumerate().map(|(row, it)| self.validity.get(row).then_some(*it))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The numbers, with zero where there is none.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Which rows have a number.
    pub fn validity(&self) -> &Validity {
        &self.validity
    }

    /// Values and validity, for an Arrow array to take over.
    pub fn into_parts(self) -> (Vec<T>, Validity) {
        (self.values, self.validity)
    }
}

/// Truths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truths {
    values: Bits,
    validity: Validity,
}

impl Truths {
    /// Adds a row.
    #[inline]
    pub fn push(&mut self, value: Option<bool>) {
        self.values.push(value.unwrap_or_default());
        self.validity.push(value.is_some());
    }

    /// The truth of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<bool> {
        self.validity.get(row).then(|| self.values.get(row))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Values and validity, for an Arrow array to take over.
    pub fn into_parts(self) -> (Bits, Validity) {
        (self.values, self.validity)
    }
}

/// Texts, one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    text: String,
    /// Where each text starts, and at last where the last one ends.
    offsets: Vec<i32>,
    validity: Validity,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts { text: String::new(), offsets: vec![0], validity: Validity::default() }
    }
}

impl Texts {
    /// Adds a row.
    #[inline]
    pub fn push(&mut self, text: Option<&str>) {
        self.text.push_str(text.unwrap_or(""));
        // Front doors bound payloads, and the rows of one payload stay far below 2 GiB.
        self.offsets.push(i32::try_from(self.text.len()).unwrap_or(i32::MAX));
        self.validity.push(text.is_some());
    }

    /// The text of a row.
    pub fn get(&self, row: usize) -> Option<&str> {
        if !self.validity.get(row) {
            return None;
        }
        let start = usize::try_from(*self.offsets.get(row)?).ok()?;
        let end = usize::try_from(*self.offsets.get(row + 1)?).ok()?;
        self.text.get(start..end)
    }

    /// The text of each row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.validity.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.validity.is_empty()
    }

    /// Text, offsets (one more than rows) and validity, for an Arrow array to take over.
    pub fn into_parts(self) -> (String, Vec<i32>, Validity) {
        (self.text, self.offsets, self.validity)
    }
}

/// One column of values.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Of kind float.
    Float(Numbers<f64>),
    /// Of kind integer or counter.
    Integer(Numbers<i64>),
    /// Of kind boolean.
    Bool(Truths),
    /// Of kind text.
    Text(Texts),
}

impl Column {
    /// An empty column.
    pub fn of(kind: ColumnKind) -> Column {
        match kind {
            ColumnKind::Float => Column::Float(Numbers::default()),
            ColumnKind::Integer => Column::Integer(Numbers::default()),
            ColumnKind::Bool => Column::Bool(Truths::default()),
            ColumnKind::Text => Column::Text(Texts::default()),
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        match self {
            Column::Float(column) => column.len(),
            Column::Integer(column) => column.len(),
            Column::Bool(column) => column.len(),
            Column::Text(column) => column.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a row that has no value.
    #[inline]
    pub(crate) fn push_none(&mut self) {
        match self {
            Column::Float(column) => column.push(None),
            Column::Integer(column) => column.push(None),
            Column::Bool(column) => column.push(None),
            Column::Text(column) => column.push(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_gives_back_what_was_pushed() {
        for nulls in [vec![], vec![0], vec![7], vec![8], vec![0, 9, 16, 19]] {
            let value = |row: usize| (!nulls.contains(&row)).then_some(row as i64 + 1);
            let (mut numbers, mut truths, mut texts) =
                (Numbers::default(), Truths::default(), Texts::default());
            for row in 0..20 {
                numbers.push(value(row));
                truths.push(value(row).map(|it| it % 3 == 0));
                texts.push(value(row).map(|it| it.to_string()).as_deref());
            }
            for row in 0..20 {
                assert_eq!(numbers.get(row), value(row));
                assert_eq!(truths.get(row), value(row).map(|it| it % 3 == 0));
                assert_eq!(texts.get(row).map(str::to_owned), value(row).map(|it| it.to_string()));
            }
            assert_eq!(numbers.get(20), None);
            let (values, validity) = numbers.into_parts();
            assert_eq!((values.len(), validity.len(), validity.nulls()), (20, 20, nulls.len()));
            let bits = validity.into_bits();
            assert_eq!(bits.is_none(), nulls.is_empty(), "no bits where every row has a value");
            if let Some(bits) = bits {
                let set: u32 = bits.into_bytes().iter().map(|byte| byte.count_ones()).sum();
                assert_eq!(set as usize, 20 - nulls.len(), "bits past the end are zero");
            }
        }
    }
}
