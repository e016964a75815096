//! What a site may be called. Pure.

/// Characters of a name at most: it is an account at a broker, and a part of each topic.
const MAX_SITE: usize = 40;

/// Returns whether a site may be called that: `A-Z a-z 0-9 _ -`, 1 to 40.
#[must_use]
pub fn is_site(name: &str) -> bool {
    (1..=MAX_SITE).contains(&name.len()) && name.chars().all(is_letter)
}

/// Returns a name of a system as the name of a site: other letters than those of one as `-`.
#[must_use]
pub fn as_site(name: &str) -> String {
    let letters = name.chars().map(|letter| if is_letter(letter) { letter } else { '-' });
    let name: String = letters.take(MAX_SITE).collect();
    if name.is_empty() { "asterisk".to_owned() } else { name }
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_system_makes_a_name_of_a_site() {
        for (name, site) in [
            ("berlin-1_a", "berlin-1_a"),
            ("pbx.example.com", "pbx-example-com"),
            ("Zoë's", "Zo--s"),
            ("", "asterisk"),
        ] {
            assert_eq!(as_site(name), site);
            assert!(is_site(site) && is_site(name) == (name == site), "{name}");
        }
        assert!(is_site(&as_site(&"x".repeat(41))) && !is_site(&"x".repeat(41)));
    }
}
