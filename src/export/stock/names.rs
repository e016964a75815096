//! Names that are kept for long, in one piece of memory. Pure.

/// Names one behind the other. Each in a piece of its own, 20,000 of them would keep the pages of everything that was read
/// beside them and is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    all: Box<[u8]>,
    ends: Box<[usize]>,
}

impl Names {
    /// Returns them in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.all.get(start..*end).unwrap_or_default())
    }

    /// Returns those that are text.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.iter().filter_map(|name| std::str::from_utf8(name).ok())
    }

    /// Returns how many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Names {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let (mut all, mut ends) = (Vec::new(), Vec::new());
        for name in names {
            all.extend_from_slice(name.as_ref());
            ends.push(all.len());
        }
        Self { all: all.into(), ends: ends.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_were_empty_ones_too() {
        for names in [&[][..], &[&b"1001"[..]], &[b"", b"1001", b"", b"\xff", b"1002"]] {
            let kept: Names = names.iter().collect();
            assert_eq!(kept.iter().collect::<Vec<_>>(), names);
            assert_eq!((kept.len(), kept.is_empty()), (names.len(), names.is_empty()));
        }
        let kept: Names = [&b"1001"[..], b"\xff", b"1002"].into_iter().collect();
        assert_eq!(kept.texts().collect::<Vec<_>>(), ["1001", "1002"]);
    }
}
