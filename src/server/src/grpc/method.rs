//! Every RPC by name: the table that routing and metrics share.

/// How a method streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One request, one answer.
    Unary,
    /// One request, many answers.
    ServerStream,
    /// Many of both.
    BidiStream,
}

impl Kind {
    /// The value of the label `grpc_type`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Kind::Unary => "unary",
            Kind::ServerStream => "server_stream",
            Kind::BidiStream => "bidi_stream",
        }
    }
}

/// One method of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Full service name.
    pub service: &'static str,
    /// Method name.
    pub name: &'static str,
    /// How it streams.
    pub kind: Kind,
    /// The path it is called by.
    pub path: &'static str,
}

macro_rules! methods {
    ($($rpc:ident $service:literal $name:literal $kind:ident;)*) => {
        /// An RPC; as a number, its place in [`Rpc::ALL`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Rpc { $($rpc,)* }

        impl Rpc {
            /// All RPCs in the order of their numbers.
            pub const ALL: &'static [Rpc] = &[$(Rpc::$rpc,)*];

            const METHODS: &'static [Method] = &[$(Method {
                service: $service,
                name: $name,
                kind: Kind::$kind,
                path: concat!("/", $service, "/", $name),
            },)*];

            /// The RPC that is called by this path.
            #[must_use]
            pub fn find(path: &str) -> Option<Rpc> {
                match path {
                    $(concat!("/", $service, "/", $name) => Some(Rpc::$rpc),)*
                    _ => None,
                }
            }
        }
    };
}

methods! {
    Range "etcdserverpb.KV" "Range" Unary;
    Put "etcdserverpb.KV" "Put" Unary;
    Txn "etcdserverpb.KV" "Txn" Unary;
    DeleteRange "etcdserverpb.KV" "DeleteRange" Unary;
    Compact "etcdserverpb.KV" "Compact" Unary;
    RangeStream "etcdserverpb.KV" "RangeStream" ServerStream;
    Watch "etcdserverpb.Watch" "Watch" BidiStream;
    LeaseGrant "etcdserverpb.Lease" "LeaseGrant" Unary;
    LeaseRevoke "etcdserverpb.Lease" "LeaseRevoke" Unary;
    LeaseKeepAlive "etcdserverpb.Lease" "LeaseKeepAlive" BidiStream;
    LeaseTimeToLive "etcdserverpb.Lease" "LeaseTimeToLive" Unary;
    LeaseLeases "etcdserverpb.Lease" "LeaseLeases" Unary;
    MemberAdd "etcdserverpb.Cluster" "MemberAdd" Unary;
    MemberRemove "etcdserverpb.Cluster" "MemberRemove" Unary;
    MemberUpdate "etcdserverpb.Cluster" "MemberUpdate" Unary;
    MemberList "etcdserverpb.Cluster" "MemberList" Unary;
    MemberPromote "etcdserverpb.Cluster" "MemberPromote" Unary;
    Alarm "etcdserverpb.Maintenance" "Alarm" Unary;
    Status "etcdserverpb.Maintenance" "Status" Unary;
    Defragment "etcdserverpb.Maintenance" "Defragment" Unary;
    Hash "etcdserverpb.Maintenance" "Hash" Unary;
    HashKv "etcdserverpb.Maintenance" "HashKV" Unary;
    Snapshot "etcdserverpb.Maintenance" "Snapshot" ServerStream;
    MoveLeader "etcdserverpb.Maintenance" "MoveLeader" Unary;
    Downgrade "etcdserverpb.Maintenance" "Downgrade" Unary;
    AuthEnable "etcdserverpb.Auth" "AuthEnable" Unary;
    AuthDisable "etcdserverpb.Auth" "AuthDisable" Unary;
    AuthStatus "etcdserverpb.Auth" "AuthStatus" Unary;
    Authenticate "etcdserverpb.Auth" "Authenticate" Unary;
    UserAdd "etcdserverpb.Auth" "UserAdd" Unary;
    UserGet "etcdserverpb.Auth" "UserGet" Unary;
    UserList "etcdserverpb.Auth" "UserList" Unary;
    UserDelete "etcdserverpb.Auth" "UserDelete" Unary;
    UserChangePassword "etcdserverpb.Auth" "UserChangePassword" Unary;
    UserGrantRole "etcdserverpb.Auth" "UserGrantRole" Unary;
    UserRevokeRole "etcdserverpb.Auth" "UserRevokeRole" Unary;
    RoleAdd "etcdserverpb.Auth" "RoleAdd" Unary;
    RoleGet "etcdserverpb.Auth" "RoleGet" Unary;
    RoleList "etcdserverpb.Auth" "RoleList" Unary;
    RoleDelete "etcdserverpb.Auth" "RoleDelete" Unary;
    RoleGrantPermission "etcdserverpb.Auth" "RoleGrantPermission" Unary;
    RoleRevokePermission "etcdserverpb.Auth" "RoleRevokePermission" Unary;
    Lock "v3lockpb.Lock" "Lock" Unary;
    Unlock "v3lockpb.Lock" "Unlock" Unary;
    Campaign "v3electionpb.Election" "Campaign" Unary;
    Proclaim "v3electionpb.Election" "Proclaim" Unary;
    Leader "v3electionpb.Election" "Leader" Unary;
    Observe "v3electionpb.Election" "Observe" ServerStream;
    Resign "v3electionpb.Election" "Resign" Unary;
    HealthCheck "grpc.health.v1.Health" "Check" Unary;
    HealthList "grpc.health.v1.Health" "List" Unary;
    HealthWatch "grpc.health.v1.Health" "Watch" ServerStream;
    Reflect "grpc.reflection.v1.ServerReflection" "ServerReflectionInfo" BidiStream;
    ReflectAlpha "grpc.reflection.v1alpha.ServerReflection" "ServerReflectionInfo" BidiStream;
}

impl Rpc {
    /// Its names and kind.
    #[must_use]
    pub const fn method(self) -> &'static Method {
        &Rpc::METHODS[self as usize]
    }

    /// Whether it is answered once its proposal was applied, so that a deadline leaves the outcome
    /// open.
    #[must_use]
    pub const fn proposes(self) -> bool {
        matches!(
            self,
            Rpc::Put
                | Rpc::Txn
                | Rpc::DeleteRange
                | Rpc::Compact
                | Rpc::LeaseGrant
                | Rpc::LeaseRevoke
                | Rpc::Alarm
        ) || self.is_auth()
    }

    /// Whether it is of the service `etcdserverpb.Auth`, whose calls stand together in the table.
    #[must_use]
    pub const fn is_auth(self) -> bool {
        let number = self as usize;
        number >= Rpc::AuthEnable as usize && number <= Rpc::RoleRevokePermission as usize
    }
}

/// What gRPC says of a path that names no method.
#[must_use]
pub fn unknown_method_text(path: &str) -> String {
    let Some((service, method)) = path.strip_prefix('/').and_then(|rest| rest.rsplit_once('/'))
    else {
        return format!("malformed method name: {path:?}");
    };
    if Rpc::METHODS.iter().any(|known| known.service == service) {
        return format!("unknown method {method} for service {service}");
    }
    format!("unknown service {service}")
}

#[cfg(test)]
mod tests {
    use super::{Rpc, unknown_method_text};

    #[test]
    fn every_rpc_is_found_by_its_path() {
        for (number, rpc) in Rpc::ALL.iter().enumerate() {
            assert_eq!(*rpc as usize, number);
            assert_eq!(Rpc::find(rpc.method().path), Some(*rpc));
        }
        let of_etcd = Rpc::ALL.iter().filter(|rpc| !rpc.method().service.starts_with("grpc."));
        assert_eq!(of_etcd.count(), 49);
        for rpc in Rpc::ALL.iter().copied() {
            assert_eq!(rpc.is_auth(), rpc.method().service == "etcdserverpb.Auth", "{rpc:?}");
        }
    }

    #[test]
    fn unknown_paths_are_named_as_grpc_names_them() {
        let cases = [
            ("/etcdserverpb.KV/Get", "unknown method Get for service etcdserverpb.KV"),
            ("/etcdserverpb.Kv/Range", "unknown service etcdserverpb.Kv"),
            ("Range", "malformed method name: \"Range\""),
        ];
        for (path, text) in cases {
            assert_eq!(unknown_method_text(path), text);
        }
    }
}
