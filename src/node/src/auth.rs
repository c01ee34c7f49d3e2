//! Who calls: what a transport hands over, and what is made of it.
//!
//! What a user may do is decided by [`state::Auth`]. Here are the parts that need time, randomness
//! or much computing: tokens and passwords.

mod password;
mod simple;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use password::{compare_password, hash_password};
pub(crate) use simple::{SimpleTokens, index_of, prefix};

use crate::error::ApiError;

/// What a call brought along to say who calls. Looked at only while authentication is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    #[default]
    Nobody,
    /// A token.
    Token(Token),
    /// The common name of a verified client certificate.
    CommonName(Arc<str>),
    /// The member itself.
    Root,
}

/// A token as a client sent it. Whoever has it is the user, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Arc<str>);

impl Token {
    /// A token, which may stand behind `Bearer `.
    #[must_use]
    pub fn new(text: &str) -> Token {
        Token(Arc::from(text.strip_prefix("Bearer ").unwrap_or(text)))
    }

    /// The token without what may stand before it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// An authenticated user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The name.
    pub user: Arc<str>,
    /// The revision of users and roles that the user is known at.
    pub revision: u64,
}

impl Principal {
    /// In the terms of the state machine; nobody for `None`.
    pub(crate) fn identity(who: Option<&Principal>) -> state::Identity<'_> {
        who.map_or_else(state::Identity::default, |who| state::Identity {
            user: &who.user,
            revision: who.revision,
        })
    }
}

/// The tokens that a member gives and takes.
#[derive(Clone, Debug)]
pub enum TokenKind {
    /// Random ones, which every member remembers until nobody has used them for so long.
    Simple {
        /// Time without use after which a token is forgotten.
        ttl: Duration,
    },
    /// Ones that say for whom they are and are signed.
    Signed(Arc<dyn Signer>),
    /// None.
    Off,
}

impl Default for TokenKind {
    fn default() -> TokenKind {
        TokenKind::Simple { ttl: Duration::from_secs(300) }
    }
}

/// What signed tokens say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The user.
    pub user: String,
    /// The revision of users and roles at which the token was given.
    pub revision: u64,
}

/// Signs tokens and reads signed ones.
pub trait Signer: fmt::Debug + Send + Sync {
    /// A token with these claims; takes a while.
    ///
    /// # Errors
    /// Why it cannot be signed, as text.
    fn sign(&self, claims: &Claims, unix_seconds: u64) -> Result<String, String>;

    /// The claims of a sound token that is valid at this time.
    fn verify(&self, token: &str, unix_seconds: u64) -> Option<Claims>;

    /// Whether there is a key to sign with.
    fn can_sign(&self) -> bool;
}

/// The error for a token that cannot be signed.
pub(crate) fn not_signed(text: String) -> ApiError {
    ApiError::with_text(crate::error::Code::Unknown, text)
}
