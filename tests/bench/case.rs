//! What is measured: the rows of the table.

/// The calls of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// KV.Put of 256 B.
    Put,
    /// KV.Range of one key of 256 B.
    Get {
        /// Without the read barrier.
        serializable: bool,
    },
    /// KV.Range of 100 keys.
    Range,
    /// KV.Txn: a comparison, a put, a read.
    Txn,
    /// Puts that every watcher is told of; counted are the deliveries.
    Watch,
    /// Renewals of leases, each over a stream of its own.
    KeepAlive,
    /// Idle memory and CPU; memory with 250,000 keys of 150 B.
    Memory,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name on the command line and in the table.
    pub name: &'static str,
    /// Its calls.
    pub kind: Kind,
    /// Clients, each with one call at a time.
    pub clients: usize,
    /// Connections that they share.
    pub connections: usize,
}

const fn case(name: &'static str, kind: Kind, clients: usize, connections: usize) -> Case {
    Case { name, kind, clients, connections }
}

const GET: Kind = Kind::Get { serializable: false };
const SERIALIZABLE: Kind = Kind::Get { serializable: true };

/// Every case, in the order of the table. A client has a connection of its own except in those
/// named `1x`, which put 256 streams on one.
pub const CASES: [Case; 15] = [
    case("put1", Kind::Put, 1, 1),
    case("put64", Kind::Put, 64, 64),
    case("put256", Kind::Put, 256, 256),
    case("put1x256", Kind::Put, 256, 1),
    case("get1", GET, 1, 1),
    case("get64", GET, 64, 64),
    case("get256", GET, 256, 256),
    case("get1x256", GET, 256, 1),
    case("serializable64", SERIALIZABLE, 64, 64),
    case("serializable256", SERIALIZABLE, 256, 256),
    case("range64", Kind::Range, 64, 64),
    case("txn64", Kind::Txn, 64, 64),
    case("watch", Kind::Watch, 100, 4),
    case("keepalive", Kind::KeepAlive, 64, 64),
    case("memory", Kind::Memory, 256, 1),
];

impl Case {
    /// Whether the empty server can answer it, so that it can be the limit.
    #[must_use]
    pub fn has_limit(&self) -> bool {
        matches!(self.kind, Kind::Put | Kind::Get { .. } | Kind::Txn)
    }
}
