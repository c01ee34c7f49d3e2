//! src/server
