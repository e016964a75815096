//! The fuzz targets without a fuzzer: every input of their corpora, then a fixed number of variations of these, the same
//! ones each time. `make fuzz` looks further, with libFuzzer.

#[cfg(test)]
mod targets;

#[cfg(test)]
mod tests {
    use std::{env, fs, panic, path::Path};

    use super::targets;

    /// Variations of each corpus, unless `RUNS` says otherwise: a few seconds for all targets together.
    const RUNS: u64 = 2000;
    /// Octets of a variation at most: longer than any input of a corpus.
    const LONGEST: usize = 4096;

    /// What has a meaning in one of the formats.
    const SIGNS: &[u8] = b"\n\r;#[]()=$:,.\\\"'0\xff\0 ";

    macro_rules! replay {
        ($($target:ident,)*) => {$(
            #[test]
            fn $target() {
                replay(stringify!($target), targets::$target::run);
            }
        )*};
    }

    replay!(
        ami_answers,
        ami_frames,
        contexts,
        dns_request,
        dns_short_cut,
        filters,
        getconfig,
        mailboxes,
        mqtt,
        render,
        settings,
        sip,
    );

    fn replay(name: &str, target: fn(&[u8])) {
        let corpus = corpus(name);
        for input in &corpus {
            run(target, input);
        }
        let runs = env::var("RUNS").map_or(RUNS, |runs| runs.parse().expect("RUNS is a number"));
        let mut bits = Bits(0x5bd1_e995_9b57_32a1);
        for _ in 0..runs {
            run(target, &varied(&corpus, &mut bits));
        }
    }

    /// In the order of their names, so that every run is the same.
    fn corpus(name: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
        let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut files: Vec<_> = files.map(|file| file.expect("it can be listed").path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} holds no input", folder.display());
        files.iter().map(|file| fs::read(file).expect("it can be read")).collect()
    }

    /// A panic of the target with the input that led to it.
    fn run(target: fn(&[u8]), input: &[u8]) {
        if let Err(panic) = panic::catch_unwind(|| target(input)) {
            eprintln!("The input was: {}", input.escape_ascii());
            panic::resume_unwind(panic);
        }
    }

    /// Numbers without order, always the same (xorshift64, Marsaglia 2003).
    struct Bits(u64);

    impl Bits {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % u64::try_from(limit.max(1)).unwrap()).unwrap()
        }

        fn part<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
            let start = self.below(octets.len());
            &octets[start..start + self.below(octets.len() - start + 1)]
        }
    }

    /// An input with a few changes: octets changed, taken out or put in, parts of it or of another input put in.
    fn varied(corpus: &[Vec<u8>], bits: &mut Bits) -> Vec<u8> {
        let mut input = corpus[bits.below(corpus.len())].clone();
        for _ in 0..=bits.below(5) {
            let at = bits.below(input.len() + 1);
            let end = at + bits.below(input.len() - at + 1).min(40);
            let put: Vec<u8> = match bits.below(6) {
                0 => vec![u8::try_from(bits.below(256)).unwrap()],
                1 => Vec::new(),
                2 => vec![SIGNS[bits.below(SIGNS.len())]],
                3 => bits.part(&input.clone()).to_vec(),
                _ => {
                    let other = &corpus[bits.below(corpus.len())];
                    bits.part(other).to_vec()
                }
            };
            let end = if bits.below(2) == 0 { at } else { end };
            input.splice(at..end, put);
        }
        input.truncate(LONGEST);
        input
    }
}
