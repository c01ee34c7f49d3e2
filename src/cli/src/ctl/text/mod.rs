//! Texts as Go's libraries read and write them: quotes, durations, numbers, base64, words.

pub mod base64;
pub mod duration;
pub mod number;
pub mod quote;
pub mod words;
