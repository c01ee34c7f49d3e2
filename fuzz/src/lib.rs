//! Fuzzers of request streams, decoders and files: each module has a `run` that takes any bytes.
//! Whatever they are, no promise of the code may break: no panic, memory bounded by the input, and
//! what else the module's header says.
//!
//! [`mutate`] makes inputs from a seed on stable Rust and knows no coverage; `fuzz_targets` gives
//! the same functions to libFuzzer, which does. `src/main.rs` is the runner.

pub mod bbolt;
pub mod machine;
pub mod memory;
pub mod mutate;
pub mod peer;
pub mod requests;
pub mod wal;

use std::fs;
use std::path::PathBuf;

/// Memory of a target whose inputs take no more than they are long, some copies of it included.
const THREAD_MIB_MAX: u64 = 8;

/// A function under fuzzing.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name on the command line and of its corpus folder.
    pub name: &'static str,
    /// Sound inputs, from which others are made.
    pub samples: fn() -> Vec<Vec<u8>>,
    /// Runs one input; panics when a promise is broken.
    pub run: fn(&[u8]),
    /// Memory in MiB that inputs may add in each thread: about twice the most that was measured.
    pub thread_mib_max: u64,
}

/// All of them. The one that takes most memory is the last: what it leaves to the allocator would
/// feed the others unnoticed.
pub const TARGETS: [Target; 5] = [
    Target {
        name: "machine",
        samples: machine::samples,
        run: machine::run,
        thread_mib_max: THREAD_MIB_MAX,
    },
    Target {
        name: "requests",
        samples: requests::samples,
        run: requests::run,
        thread_mib_max: THREAD_MIB_MAX,
    },
    Target { name: "wal", samples: wal::samples, run: wal::run, thread_mib_max: THREAD_MIB_MAX },
    Target { name: "peer", samples: peer::samples, run: peer::run, thread_mib_max: THREAD_MIB_MAX },
    Target { name: "bbolt", samples: bbolt::samples, run: bbolt::run, thread_mib_max: 144 },
];

impl Target {
    /// The inputs from which others are made: the sound ones, then those kept in the tree. An input
    /// that is made follows from all of them, so whoever repeats one needs the same list.
    ///
    /// # Errors
    /// The folder of the kept inputs cannot be read.
    pub fn inputs(&self) -> std::io::Result<Vec<Vec<u8>>> {
        let mut inputs = (self.samples)();
        inputs.extend(self.corpus()?.into_iter().map(|(_, input)| input));
        Ok(inputs)
    }

    /// The inputs that are kept in the tree: what once broke something, and what reaches far.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn corpus(&self) -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(self.name);
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder)? {
            paths.push(entry?.path());
        }
        paths.sort();
        paths.into_iter().map(|path| fs::read(&path).map(|bytes| (path, bytes))).collect()
    }
}
