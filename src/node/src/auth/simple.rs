//! Tokens that every member remembers: random letters, a dot, and the index of the entry that
//! made the token. They are assigned by applying that entry, so that a client may use them at any
//! member; how long one is remembered is each member's own business.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::{Index, Instant};

/// Time between two sweeps of what nobody has used.
const SWEEP_PERIOD: Duration = Duration::from_secs(1);

const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Letters that are drawn from one random number: the most for which all are about equally likely.
const LETTERS_A_DRAW: usize = 8;

/// The random part of a token: 16 letters.
pub(crate) fn prefix(draws: [u64; 2]) -> String {
    let mut letters = String::with_capacity(draws.len() * LETTERS_A_DRAW);
    for mut draw in draws {
        for _ in 0..LETTERS_A_DRAW {
            let letter = usize::try_from(draw % 52).unwrap_or(0);
            letters.push(char::from(LETTERS[letter]));
            draw /= 52;
        }
    }
    letters
}

#[derive(Debug)]
struct Held {
    user: Arc<str>,
    until: Instant,
}

#[derive(Debug, Default)]
struct Table {
    tokens: BTreeMap<String, Held>,
    swept: Option<Instant>,
}

/// The tokens that a member knows.
#[derive(Debug, Default)]
pub(crate) struct SimpleTokens {
    table: Mutex<Table>,
}

impl SimpleTokens {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a token; forgets those that are due.
    pub(crate) fn assign(&self, token: String, user: &str, now: Instant, ttl: Duration) {
        let mut table = self.lock();
        table.sweep(now);
        table.tokens.insert(token, Held { user: Arc::from(user), until: now + ttl });
    }

    /// The user of a token, which is remembered that much longer.
    pub(crate) fn find(&self, token: &str, now: Instant, ttl: Duration) -> Option<Arc<str>> {
        let mut table = self.lock();
        table.sweep(now);
        let held = table.tokens.get_mut(token).filter(|held| held.until >= now)?;
        held.until = now + ttl;
        Some(held.user.clone())
    }

    /// Forgets the tokens of a user, or all.
    pub(crate) fn forget(&self, user: Option<&str>) {
        let is_other = |held: &Held| user.is_some_and(|user| *held.user != *user);
        self.lock().tokens.retain(|_, held| is_other(held));
    }
}

impl Table {
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now >= swept + SWEEP_PERIOD) {
            self.tokens.retain(|_, held| held.until >= now);
            self.swept = Some(now);
        }
    }
}

/// The entry that made a token; `None` for what is no simple token.
pub(crate) fn index_of(token: &str) -> Option<Index> {
    let (_, index) = token.split_once('.')?;
    // Go's parser takes digits only.
    let is_number = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| index.parse().ok().map(Index)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Instant {
        Instant::ORIGIN + Duration::from_secs(seconds)
    }

    #[test]
    fn a_token_lives_as_long_as_it_is_used() {
        let tokens = SimpleTokens::default();
        tokens.assign("a.1".into(), "u", at(0), TTL);
        for second in [9, 18, 28] {
            assert_eq!(tokens.find("a.1", at(second), TTL).as_deref(), Some("u"));
        }
        assert_eq!(tokens.find("a.1", at(39), TTL), None);
        assert_eq!(tokens.find("a.2", at(0), TTL), None);
        assert_eq!(tokens.lock().tokens.len(), 0, "it was swept");
    }

    #[test]
    fn tokens_end_with_their_user_or_all_at_once() {
        let tokens = SimpleTokens::default();
        for (token, user) in [("a.1", "u"), ("b.2", "v"), ("c.3", "u")] {
            tokens.assign(token.into(), user, at(0), TTL);
        }
        tokens.forget(Some("u"));
        let found = |token| tokens.find(token, at(1), TTL).is_some();
        assert_eq!(["a.1", "b.2", "c.3"].map(found), [false, true, false]);
        tokens.forget(None);
        assert!(!found("b.2"));
    }

    #[test]
    fn a_token_names_the_entry_that_made_it() {
        assert_eq!(index_of("abc.17"), Some(Index(17)));
        for wrong in ["", "abc", "abc.", "abc.+1", "abc.1.2", "abc.99999999999999999999"] {
            assert_eq!(index_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn prefixes_are_letters() {
        let text = prefix([0, u64::MAX]);
        assert_eq!(text.len(), 16);
        assert!(text.starts_with("aaaaaaaa") && text.bytes().all(|b| b.is_ascii_alphabetic()));
        assert_ne!(prefix([1, 2]), prefix([2, 1]));
    }
}
