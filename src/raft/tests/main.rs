//! Tests of the Raft core from outside: golden scripts, the sentences of the paper's Figure 2,
//! and a cluster under random faults. All run on the same small cluster with ghost checks.

mod cluster;
mod figure2_followers_and_candidates;
mod figure2_leaders;
mod figure2_messages;
mod figure2_state;
mod random;
mod script;
