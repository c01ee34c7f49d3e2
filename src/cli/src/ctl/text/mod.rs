//! Texts as Go's libraries read and write them: quotes, numbers, base64, words.

pub mod base64;
pub mod number;
pub mod password;
pub mod quote;
pub mod words;
