//! Passwords, hashed with bcrypt as etcd hashes them. Both functions take a tenth of a second or
//! more on purpose: they run on the pool only, a few at a time.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Go's bcrypt takes no longer password.
const PASSWORD_BYTES_MAX: usize = 72;

/// The cost when the configured one is out of range.
const COST_DEFAULT: u32 = 10;
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;

/// Why there is no hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    /// In the words of etcd, which sends them on.
    #[error("bcrypt: password length exceeds 72 bytes")]
    TooLong,
    /// Cannot be with a cost in range.
    #[error("bcrypt: {0}")]
    Other(String),
}

/// The hash of a password in base64, as requests carry it.
pub(crate) fn hash_password(
    password: &str,
    cost: u32,
    salt: [u64; 2],
) -> Result<String, PasswordError> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    let cost = if COSTS.contains(&cost) { cost } else { COST_DEFAULT };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&salt[0].to_be_bytes());
    bytes[8..].copy_from_slice(&salt[1].to_be_bytes());
    let hash = bcrypt::hash_with_salt(password, cost, bytes);
    let hash = hash.map_err(|error| PasswordError::Other(error.to_string()))?;
    Ok(STANDARD.encode(hash.format_for_version(bcrypt::Version::TwoA)))
}

/// Whether a password has this hash; what is no hash is the hash of nothing.
pub(crate) fn compare_password(password: &str, hash: &[u8]) -> bool {
    let Ok(hash) = std::str::from_utf8(hash) else { return false };
    bcrypt::verify(password, hash).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(password: &str) -> Vec<u8> {
        let encoded = hash_password(password, 4, [1, 2]).expect("short enough");
        STANDARD.decode(encoded).expect("base64")
    }

    #[test]
    fn a_password_has_its_hash_and_no_other() {
        for password in ["", "secret", "a\0b", &"x".repeat(PASSWORD_BYTES_MAX)] {
            let hash = stored(password);
            assert!(hash.starts_with(b"$2a$04$") && hash.len() == 60);
            assert!(compare_password(password, &hash));
            assert!(!compare_password("other", &hash));
        }
        assert!(!compare_password("", b"") && !compare_password("", b"\xff"));
    }

    #[test]
    fn hashes_of_go_are_understood() {
        let hash = b"$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
        assert!(!compare_password("wrong", hash));
        let known = b"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert!(compare_password("U*U", known));
    }

    #[test]
    fn long_passwords_are_refused() {
        let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
        assert_eq!(hash_password(&long, 4, [1, 2]), Err(PasswordError::TooLong));
    }

    #[test]
    fn a_cost_out_of_range_is_the_default() {
        let encoded = hash_password("p", 3, [1, 2]).expect("a cost");
        assert!(STANDARD.decode(encoded).expect("base64").starts_with(b"$2a$10$"));
    }
}
