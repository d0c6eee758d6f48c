//! Passwords that a machine makes for a person.

use kernel::Secret;
use zeroize::Zeroizing;

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandomness;

/// Letters and digits that no common typeface confuses: no i, l, o, I, O, 0, 1.
const ALPHABET: &[u8; 55] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const GROUPS: usize = 4;
const GROUP_CHARACTERS: usize = 6;

/// A password of four groups of six characters with hyphens between them: 27 characters, 138 bits.
///
/// # Errors
/// [`NoRandomness`].
pub fn generate_password() -> Result<Secret<String>, NoRandomness> {
    let mut password = String::with_capacity(GROUPS * (GROUP_CHARACTERS + 1));
    for group in 0..GROUPS {
        if group > 0 {
            password.push('-');
        }
        for _ in 0..GROUP_CHARACTERS {
            password.push(character()?);
        }
    }
    Ok(Secret::new(password))
}

/// One character, each equally likely.
fn character() -> Result<char, NoRandomness> {
    // Bytes from the last, incomplete multiple of the alphabet's length would favour its first letters.
    const FAIR_BELOW: u8 = (256 / ALPHABET.len() * ALPHABET.len()) as u8;
    let mut byte = Zeroizing::new([0]);
    loop {
        getrandom::fill(&mut *byte).map_err(|_| NoRandomness)?;
        if byte[0] < FAIR_BELOW {
            return Ok(char::from(ALPHABET[usize::from(byte[0]) % ALPHABET.len()]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_password_is_long_and_unambiguous() {
        let password = generate_password().unwrap();
        let password = password.expose();
        assert_eq!(password.len(), 27);
        assert!(password.bytes().all(|byte| byte == b'-' || ALPHABET.contains(&byte)));
        assert!(!password.contains(['i', 'l', 'o', 'I', 'O', '0', '1']));
    }

    #[test]
    fn generated_passwords_differ_and_use_the_whole_alphabet_evenly() {
        let mut seen = std::collections::HashSet::new();
        let mut counts = [0_u32; 256];
        for _ in 0..1_000 {
            let password = generate_password().unwrap();
            password.expose().bytes().for_each(|byte| counts[usize::from(byte)] += 1);
            assert!(seen.insert(password.expose().clone()));
        }
        // 24,000 characters over 55: 436 expected, standard deviation 21. Seven deviations never happen by
        // chance.
        for byte in ALPHABET {
            let count = counts[usize::from(*byte)];
            assert!((290..=583).contains(&count), "{} came {count} times", char::from(*byte));
        }
    }
}
